// Keeps a page current without reloading it. A page that moves carries <body data-live="seconds">; its parts that may
// change carry data-part="name". The page is fetched again, changed parts are swapped in, and the reader's place, open
// folds and typed text are kept. A lost connection is said, retried ever more slowly, and forgotten when it is back.

const LONGEST_WAIT = 30;

function inUse(part) {
  const active = document.activeElement;
  return part.contains(active) && active.matches("input, textarea, select");
}

function swap(old, fresh) {
  const open = new Set([...old.querySelectorAll("details[open][id]")].map((d) => d.id));
  const typed = new Map([...old.querySelectorAll("textarea[name], input[name]")].map((f) => [f.name, f.value]));
  fresh.querySelectorAll("details[id]").forEach((d) => { if (open.has(d.id)) d.open = true; });
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  old.replaceWith(fresh);
  fresh.querySelectorAll("textarea[name], input[name]:not([type=hidden])").forEach((f) => { if (typed.get(f.name)) f.value = typed.get(f.name); });
  if (focused) document.getElementById(focused)?.focus();
}

function renew(page) {
  document.querySelectorAll("[data-part]").forEach((old) => {
    const fresh = page.querySelector(`[data-part="${old.dataset.part}"]`);
    if (fresh && old.outerHTML !== fresh.outerHTML && !inUse(old)) swap(old, document.importNode(fresh, true));
  });
  document.title = page.title;
  document.dispatchEvent(new CustomEvent("page-renewed"));
}

export function followLive() {
  const notice = document.querySelector("[data-connection]");
  let failures = 0;
  let timer = 0;

  const next = (seconds) => { clearTimeout(timer); if (seconds > 0) timer = setTimeout(ask, seconds * 1000); };

  async function ask() {
    if (document.hidden) return next(2);
    try {
      const answer = await fetch(location.href, { headers: { "X-Live": "1" }, redirect: "error", cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      failures = 0;
      if (notice) notice.hidden = true;
      renew(page);
      next(Number(page.body.dataset.live || 0));
    } catch {
      failures += 1;
      if (notice && failures > 1) notice.hidden = false;
      next(Math.min(LONGEST_WAIT, 2 ** failures));
    }
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden && document.body.dataset.live) next(0.1); });
  addEventListener("online", () => { if (document.body.dataset.live) next(0.1); });
  next(Number(document.body.dataset.live || 0));
}
