"""Where the checkout and its entry page are."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
HOME_PAGE = CHECKOUT / "workbench.py"
