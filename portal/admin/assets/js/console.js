// The console's small conveniences. Every page works without them.
import { followLive } from "./live.js";

const find = document.querySelector("[data-find]");

function typing(target) {
  return target.closest("input, textarea, select, [contenteditable]");
}

// Ctrl K or / puts the cursor in the search; Escape closes what is open.
document.addEventListener("keydown", (event) => {
  const wanted = ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") ||
    (event.key === "/" && !typing(event.target));
  if (wanted && find) {
    event.preventDefault();
    find.querySelector("input").focus();
    find.querySelector("input").select();
  }
  if (event.key === "Escape") {
    document.querySelectorAll("details.menu[open], details.chip[open]").forEach((open) => {
      open.open = false;
      if (open.contains(document.activeElement)) open.querySelector("summary").focus();
    });
    if (location.hash === "#rail") location.hash = "";
  }
});

// One menu at a time; a click elsewhere closes it.
document.addEventListener("click", (event) => {
  document.querySelectorAll("details.menu[open], details.chip[open]").forEach((open) => {
    if (!open.contains(event.target)) open.open = false;
  });
});

// A row opens with a click anywhere on it, unless text is being selected or something inside was meant.
document.addEventListener("click", (event) => {
  const row = event.target.closest("tr[data-href]");
  if (!row || event.target.closest("a, button, input, label, summary") || String(getSelection())) return;
  if (event.ctrlKey || event.metaKey) window.open(row.dataset.href, "_blank", "noopener");
  else location.assign(row.dataset.href);
});

// The theme changes at once and is kept by the form's own answer.
document.querySelectorAll("form[data-theme-form]").forEach((form) => {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = event.submitter.value;
    document.documentElement.dataset.theme = chosen;
    form.querySelectorAll("button").forEach((b) => b.setAttribute("aria-pressed", String(b.value === chosen)));
    const body = new FormData(form);
    body.set("theme", chosen);
    fetch(form.action, { method: "POST", body, redirect: "manual" });
  });
});

// A form is sent once; a confirming question is asked where the form carries one.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.dataset.themeForm !== undefined) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
  setTimeout(() => delete form.dataset.sent, 5000);
});

// A demo person fills the sign-in form.
document.querySelectorAll("[data-person]").forEach((button) => {
  button.addEventListener("click", () => {
    document.querySelectorAll("[data-person]").forEach((other) => other.setAttribute("aria-pressed", "false"));
    button.setAttribute("aria-pressed", "true");
    document.querySelector("[name=username]").value = button.dataset.person;
    document.querySelector("[name=password]").value = button.dataset.password;
    document.querySelector("[data-sign-in]").focus();
  });
});

// Results while typing in the search.
if (find) {
  const input = find.querySelector("input");
  const panel = find.querySelector("[data-find-results]");
  let waiting = 0;
  let asked = 0;
  const ask = async () => {
    const mine = ++asked;
    const text = input.value.trim();
    if (text.length < 2) { panel.hidden = true; return; }
    try {
      const answer = await fetch(`${find.action}?q=${encodeURIComponent(text)}`, { headers: { "X-Part": "results" } });
      if (!answer.ok || mine !== asked) return;
      panel.innerHTML = await answer.text();
      panel.hidden = false;
    } catch { panel.hidden = true; }
  };
  input.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(ask, 180); });
  find.addEventListener("focusout", () => setTimeout(() => { if (!find.contains(document.activeElement)) panel.hidden = true; }, 120));
  find.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { panel.hidden = true; input.blur(); }
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const links = [input, ...panel.querySelectorAll("a")];
    const next = links.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    if (links[next]) { event.preventDefault(); links[next].focus(); }
  });
}

followLive();
