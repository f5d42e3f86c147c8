// Keeps a page current without reloading it. A page that moves carries <body data-live="seconds">; the regions that may
// change carry data-part. The page is fetched again and changed regions are swapped in, while the reader's place, open
// folds and typed text are kept; what scripts fill themselves carries data-keep and stays the same element. A lost
// connection is said, tried again ever more slowly, and forgotten when it is back.

const LONGEST_WAIT = 30;
const TYPED = "textarea[id], input[id]:not([type=hidden])";

function isTypedIn(part) {
  const active = document.activeElement;
  return part.contains(active) && active.matches("input, textarea, select");
}

function comparable(part) {
  const copy = part.cloneNode(true);
  copy.querySelectorAll("[data-keep]").forEach((kept) => kept.replaceChildren());
  copy.querySelectorAll("details").forEach((fold) => fold.removeAttribute("open"));
  copy.querySelectorAll("[name=csrfmiddlewaretoken]").forEach((token) => token.remove());
  return copy.innerHTML;
}

function swap(old, fresh) {
  old.querySelectorAll("details[id]").forEach((fold) => {
    const same = fresh.querySelector(`details[id="${fold.id}"]`);
    if (same) same.open = fold.open;
  });
  old.querySelectorAll(TYPED).forEach((field) => {
    const same = fresh.querySelector(`[id="${field.id}"]`);
    if (same && field.value) same.value = field.value;
  });
  old.querySelectorAll("[data-keep]").forEach((kept) => {
    fresh.querySelector(`[data-keep="${kept.dataset.keep}"]`)?.replaceWith(kept);
  });
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  old.replaceWith(fresh);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

function renew(page) {
  document.querySelectorAll("[data-part]").forEach((old) => {
    const found = page.querySelector(`[data-part="${old.dataset.part}"]`);
    if (!found || isTypedIn(old) || comparable(old) === comparable(found)) return;
    const places = [...old.querySelectorAll("[data-keep]")].map((kept) => [kept, kept.scrollTop]);
    swap(old, document.importNode(found, true));
    places.forEach(([kept, top]) => { kept.scrollTop = top; });
  });
  document.title = page.title;
}

export function followLive() {
  const notice = document.querySelector("[data-connection]");
  let seconds = Number(document.body.dataset.live || 0);
  let failures = 0;
  let timer = 0;

  const next = (wait) => { clearTimeout(timer); if (wait > 0) timer = setTimeout(ask, wait * 1000); };

  async function ask() {
    if (document.hidden) return next(2);
    try {
      const answer = await fetch(location.href, { headers: { "X-Live": "1" }, redirect: "error", cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      failures = 0;
      if (notice) notice.hidden = true;
      renew(page);
      seconds = Number(page.body.dataset.live || 0);
      next(seconds);
    } catch {
      failures += 1;
      if (notice && failures > 1) notice.hidden = false;
      next(Math.min(LONGEST_WAIT, 2 ** failures));
    }
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden && seconds) next(0.1); });
  addEventListener("online", () => { if (seconds) next(0.1); });
  next(seconds);
}
