"""The view Two languages: shows how many times more tokens a text takes in one language than in another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from promptgrid.ui.tokens import state
from promptgrid.ui.widgets.live_text import forget_typed, token_note, watch_text
from promptgrid.ui.widgets.plain import plain
from promptgrid.ui.widgets.undo import offer_undo

FIRST, SECOND = "tokens_one", "tokens_other"
_WATCH = "tokens_languages_watch"
_HEIGHT = 150  # px
_ALWAYS = ("o200k_base", "cl100k_base")  # available without a network
# The same letter in each language
LETTERS: Mapping[str, str] = {
    "English": "Dear Ms Li, thank you for your order. The two lamps will be sent on Monday and arrive within three "
    "days. If anything is broken, write to us: we will send a new one and pay for the return.",
    "Chinese": "李女士您好，感谢您的订购。两盏灯将于周一发出，三天之内送达。"
    "如有破损，请来信告知：我们会补寄一盏新的，并承担退货运费。",
    "German": "Liebe Frau Li, vielen Dank für Ihre Bestellung. Die zwei Lampen gehen am Montag auf die Reise und "
    "sind innerhalb von drei Tagen bei Ihnen. Wenn etwas zerbrochen ist, schreiben Sie uns: Wir schicken eine neue und "
    "bezahlen die Rücksendung.",
    "French": "Chère Madame Li, merci pour votre commande. Les deux lampes partiront lundi et arriveront sous trois "
    "jours. Si quelque chose est cassé, écrivez-nous : nous en enverrons une neuve et paierons le retour.",
    "Japanese": "李様、ご注文ありがとうございます。ランプ2点は月曜日に発送し、3日以内にお届けします。"
    "破損がありましたらご連絡ください。新しいものをお送りし、返送料は当店が負担します。",
    "Russian": "Уважаемая госпожа Ли, спасибо за ваш заказ. Две лампы будут отправлены в понедельник и прибудут в "
    "течение трёх дней. Если что-то разбилось, напишите нам: мы пришлём новую и оплатим возврат.",
}


def languages_view(refs: Sequence[str]) -> None:
    """Draws two texts in two languages, and a table with their token counts, updated while the user types. The table
    has a row for each tokenizer in `refs` and for some others."""
    st.session_state.setdefault(FIRST, LETTERS["English"])
    st.session_state.setdefault(SECOND, LETTERS["Chinese"])
    names = []
    for column, key, default in zip(st.columns(2, gap="medium"), (FIRST, SECOND), ("English", "Chinese"), strict=True):
        with column:
            st.session_state.setdefault(f"{key}_language", default)
            name = st.selectbox(
                "Language",
                list(LETTERS),
                key=f"{key}_language",
                on_change=_put,
                args=(key,),
                label_visibility="collapsed",
                width=200,
            )
            names.append(str(name))
            st.text_area(f"The text in {name}", key=key, height=_HEIGHT, label_visibility="collapsed")
    texts = watch_text([FIRST, SECOND], _WATCH, note=token_note(refs[0]))
    rows = [_row(ref, texts) for ref in dict.fromkeys([*refs, *_ALWAYS])]
    ratio = rows[0]["×"]
    if ratio is not None:
        st.markdown(
            f"The {plain(names[1])} text takes **{ratio:.2f} ×** the tokens, counted by {plain(rows[0]['tokenizer'])}."
        )
    titles = {"tokenizer": "tokenizer", "first": names[0], "second": names[1], "×": "× as much"}
    if names[0] == names[1]:
        titles |= {"first": f"{names[0]}, left", "second": f"{names[0]}, right"}
    table = {title: [row[name] for row in rows] for name, title in titles.items()}
    st.dataframe(
        table,
        hide_index=True,
        key="tokens_languages_rows",
        column_config={"× as much": st.column_config.NumberColumn(format="%.2f")},
    )
    st.caption("Try your own texts: one of your prompts and its translation.")


def _put(key: str) -> None:
    """Puts the letter in the selected language into the field. What the user has typed there can be brought back."""
    before = st.session_state[key]
    _set(key, LETTERS[st.session_state[f"{key}_language"]])
    if before.strip() and before not in LETTERS.values():
        offer_undo(state.UNDO, "The letter has replaced your text.", partial(_set, key, before))


def _set(key: str, text: str) -> None:
    st.session_state[key] = text
    forget_typed(_WATCH)


def _row(ref: str, texts: Mapping[str, str]) -> dict[str, object]:
    first, second = (state.tokenize(texts[key], ref).count for key in (FIRST, SECOND))
    exact = first.exact and second.exact
    ratio = second.tokens / first.tokens if first.tokens else None
    name = state.title(ref) + ("" if exact else " (≈)")
    return {"tokenizer": name, "first": first.tokens, "second": second.tokens, "×": ratio}
