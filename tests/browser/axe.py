"""axe-core in a page: what keeps people from reading or using it."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

# Off by default: what voice control needs, which calls a thing by what is written on it.
_RUN = "axe.run({resultTypes: ['violations'], rules: {'label-content-name-mismatch': {enabled: true}}})"


def violations(page: Page) -> list[str]:
    """A line for each element that breaks a rule: the rule, the element and what is wrong with it."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found: list[dict[str, Any]] = page.evaluate(_RUN)["violations"]
    return [f"{rule['id']}: {node['html'][:200]}\n{node['failureSummary']}" for rule in found for node in rule["nodes"]]


_CONTRASTS = """selector => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const over = (...colours) => {
    for (canvas.fillStyle of colours) canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(
      v => v <= 10 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const page = getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor;
  const roots = [document, ...[...document.querySelectorAll('*')].map(e => e.shadowRoot).filter(Boolean)];
  return roots.flatMap(root => [...root.querySelectorAll(selector)]).map(node => {
    const {backgroundColor, boxShadow} = getComputedStyle(node);
    const edge = boxShadow.includes('inset') && boxShadow.match(/^.*?\\)/)[0];
    const ground = edge ? over(page, backgroundColor) : over(page);
    const mark = over(page, edge || backgroundColor);
    return Math.max(ground, mark) / Math.min(ground, mark);
  });
}"""


def contrasts(page: Page, selector: str) -> list[float]:
    """For each mark, how far its inset edge, else its ground, stands out from what is around it: from 1 to 21."""
    ratios: list[float] = page.evaluate(_CONTRASTS, selector)
    return ratios
