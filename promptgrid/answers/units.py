"""Units of measurement, so that 1.5 kg equals 1500 g: a table of the usual units with exact factors."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Final

# dimension -> unit -> (its size in the first unit of the dimension, other spellings)
_TABLE: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "length": {
        "m": ("1", "meter meters metre metres 米 公尺"),
        "km": ("1000", "kilometer kilometers kilometre kilometres 公里 千米"),
        "dm": ("1/10", "decimeter decimeters decimetre decimetres 分米"),
        "cm": ("1/100", "centimeter centimeters centimetre centimetres 厘米 公分"),
        "mm": ("1/1000", "millimeter millimeters millimetre millimetres 毫米"),
        "µm": ("1/1000000", "um micrometer micrometers micrometre micrometres micron microns 微米"),
        "nm": ("1/1000000000", "nanometer nanometers nanometre nanometres 纳米"),
        "in": ("127/5000", "inch inches"), "ft": ("381/1250", "foot feet"), "yd": ("1143/1250", "yard yards"),
        "mi": ("201168/125", "mile miles"), "nmi": ("1852", ""),
    },
    "mass": {
        "kg": ("1", "kilo kilos kilogram kilograms kilogramme kilogrammes 公斤 千克"),
        "g": ("1/1000", "gram grams gramme grammes 克"), "mg": ("1/1000000", "milligram milligrams 毫克"),
        "µg": ("1/1000000000", "ug mcg microgram micrograms 微克"), "t": ("1000", "ton tons tonne tonnes 吨"),
        "lb": ("45359237/100000000", "lbs pound pounds"), "oz": ("45359237/1600000000", "ounce ounces"),
    },
    "time": {
        "s": ("1", "sec secs second seconds 秒"), "ms": ("1/1000", "millisecond milliseconds 毫秒"),
        "µs": ("1/1000000", "us microsecond microseconds 微秒"), "min": ("60", "mins minute minutes 分钟"),
        "h": ("3600", "hr hrs hour hours 小时"), "d": ("86400", "day days 天"),
        "week": ("604800", "weeks wk wks 周 星期"),
    },
    "volume": {
        "l": ("1", "L liter liters litre litres 升"),
        "dl": ("1/10", "dL deciliter deciliters decilitre decilitres"),
        "cl": ("1/100", "cL centiliter centiliters centilitre centilitres"),
        "ml": ("1/1000", "mL milliliter milliliters millilitre millilitres cc cm3 cm³ 毫升"),
        "m3": ("1000", "m³ 立方米"),
        "gal": ("473176473/125000000", "gallon gallons"), "qt": ("473176473/500000000", "quart quarts"),
        "pt": ("473176473/1000000000", "pint pints"),
        "fl oz": ("473176473/16000000000", "floz fluid_ounce fluid_ounces"),
    },
    "area": {
        "m2": ("1", "m² sqm 平方米"), "km2": ("1000000", "km²"), "cm2": ("1/10000", "cm²"),
        "mm2": ("1/1000000", "mm²"),
        "ha": ("10000", "hectare hectares 公顷"), "acre": ("316160658/78125", "acres"),
        "ft2": ("145161/1562500", "ft² sqft"),
    },
    "speed": {
        "m/s": ("1", "mps"), "km/h": ("5/18", "kmh kph"), "mph": ("1397/3125", "mi/h"),
        "kn": ("463/900", "knot knots"),
    },
    "data": {
        "B": ("1", "byte bytes"), "bit": ("1/8", "bits"), "kB": ("1000", "KB kilobyte kilobytes"),
        "MB": ("1000000", "megabyte megabytes"), "GB": ("1000000000", "gigabyte gigabytes"),
        "TB": ("1000000000000", "terabyte terabytes"), "KiB": ("1024", ""), "MiB": ("1048576", ""),
        "GiB": ("1073741824", ""),
    },
    "energy": {
        "J": ("1", "joule joules"), "kJ": ("1000", ""), "MJ": ("1000000", ""),
        "cal": ("523/125", "calorie calories"),
        "kcal": ("4184", "kilocalorie kilocalories"), "Wh": ("3600", ""), "kWh": ("3600000", ""),
    },
    "power": {
        "W": ("1", "watt watts"), "mW": ("1/1000", ""), "kW": ("1000", "kilowatt kilowatts"),
        "MW": ("1000000", ""),
    },
    "pressure": {
        "Pa": ("1", ""), "hPa": ("100", ""), "kPa": ("1000", ""), "bar": ("100000", ""),
        "atm": ("101325", ""),
    },
    "frequency": {
        "Hz": ("1", "hertz"), "kHz": ("1000", ""), "MHz": ("1000000", ""), "GHz": ("1000000000", ""),
    },
    "angle": {"°": ("1", "deg degree degrees"), "turn": ("360", "turns")},
    "temperature": {
        "K": ("1", "kelvin"), "°C": ("1", "℃ celsius degC degree_celsius degrees_celsius"),
        "°F": ("5/9", "℉ fahrenheit degF degree_fahrenheit degrees_fahrenheit"),
    },
}  # fmt: skip
_ZERO = {"°C": Fraction("273.15"), "°F": Fraction("459.67") * 5 / 9}  # in K; all other units start at zero
_WORD = r"[^\W\d_]+(?:/[^\W\d_]+)?(?:\^?[23]|[²³])?|°[CF]?|℃|℉"
_WORDS = re.compile(rf"[ \u00a0\u202f]?({_WORD})(?:[ ]({_WORD}))?")
_LONGEST = 60  # characters that are searched for a unit


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measurement under its usual `name`. An amount x of it is x * `factor` + `zero` in the base unit of its
    dimension (such as grams for mass)."""

    name: str
    dimension: str
    factor: Fraction
    zero: Fraction = Fraction(0)

    def convert(self, value: Fraction, to: Unit) -> Fraction:
        """Converts an amount of this unit to the unit `to`; both must have the same dimension."""
        return (value * self.factor + self.zero - to.zero) / to.factor


def find_unit(text: str) -> Unit | None:
    """Returns the unit with this name or symbol, None if there is none. The exact spelling goes first, which tells mW
    from MW; then case is ignored."""
    name = " ".join(text.replace("μ", "µ").replace("^", "").split())
    exact, folded = _names()
    return exact.get(name) or folded.get(name.casefold())


def unit_at_start(text: str) -> tuple[Unit, str] | None:
    """Returns (the unit at the start of the text, the text after it); None if the text begins with no known unit.
    `text` is what follows a number. A unit has one or two words."""
    match = _WORDS.match(text[:_LONGEST])
    if match is None:
        return None
    if match[2] and (unit := find_unit(f"{match[1]} {match[2]}")):
        return unit, text[match.end() :]
    unit = find_unit(match[1])
    return (unit, text[match.end(1) :]) if unit else None


def suggestion(name: str) -> str:
    """Returns a hint for an unknown unit: the closest name, or the usual units."""
    close = difflib.get_close_matches(name, _names()[0], n=1)
    usual = "kg, g, m, cm, km, s, min, h, l, ml, °C, km/h, kB, J, W"
    return f"Did you mean {close[0]}?" if close else f"Among others there are {usual}."


@cache
def _names() -> tuple[Mapping[str, Unit], Mapping[str, Unit]]:
    exact: dict[str, Unit] = {}
    for dimension, units in _TABLE.items():
        for name, (factor, others) in units.items():
            unit = Unit(name, dimension, Fraction(factor), _ZERO.get(name, Fraction(0)))
            spellings = [name, *(other.replace("_", " ") for other in others.split())]
            exact |= dict.fromkeys(spellings, unit)
    folded: dict[str, Unit] = {}
    for spelling, unit in exact.items():
        folded.setdefault(spelling.casefold(), unit)
    return exact, folded
