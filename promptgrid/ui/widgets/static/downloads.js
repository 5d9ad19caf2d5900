// Tells Python when a download failed and when it is tried again. Streamlit only shows and removes a message below the
// button.

const watchers = new WeakMap(); // parent element -> its watcher
const SAID = "[data-testid=stDownloadButtonError]";

export default function ({ parentElement, setTriggerValue }) {
  let watcher = watchers.get(parentElement);
  if (!watcher) watchers.set(parentElement, (watcher = newWatcher(parentElement)));
  watcher.tell = (what) => setTriggerValue(what, true);
  return watcher.leave;
}

function newWatcher(parent) {
  const watcher = {};
  const buttons = (parent.host ?? parent).closest("[class*='st-key-pg_downloads_']");
  const among = (nodes) => [...nodes].some((node) => node.matches?.(SAID));
  const changes = new MutationObserver((seen) => {
    if (seen.some((change) => among(change.addedNodes))) watcher.tell("failed");
    else if (seen.some((change) => among(change.removedNodes))) watcher.tell("again");
  });
  changes.observe(buttons, { childList: true, subtree: true });
  watcher.leave = () => {
    changes.disconnect();
    watchers.delete(parent);
  };
  return watcher;
}
