// Tells Python when a file did not come: Streamlit then writes so beneath the button, and to nobody else.

const watchers = new WeakMap(); // parent element -> its watcher
const SAID = "[data-testid=stDownloadButtonError]";

export default function ({ parentElement, setTriggerValue }) {
  let watcher = watchers.get(parentElement);
  if (!watcher) watchers.set(parentElement, (watcher = newWatcher(parentElement)));
  watcher.tell = () => setTriggerValue("failed", true);
  return watcher.leave;
}

function newWatcher(parent) {
  const watcher = {};
  const buttons = (parent.host ?? parent).closest("[class*='st-key-pg_downloads_']");
  const added = (change) => [...change.addedNodes].some((node) => node.matches?.(SAID));
  const changes = new MutationObserver((seen) => seen.some(added) && watcher.tell());
  changes.observe(buttons, { childList: true, subtree: true });
  watcher.leave = () => {
    changes.disconnect();
    watchers.delete(parent);
  };
  return watcher;
}
