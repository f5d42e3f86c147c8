// Shows cost, rules and signatures while the request form is being filled in. The answer is the same piece of page the
// server shows after a press on "Show the cost", so there is one way of putting it.

const form = document.querySelector("form[data-estimate]");
const place = document.querySelector("[data-estimate-here]");
const PAUSE = 350;
let waiting = 0;
let asked = 0;

async function ask() {
  const mine = ++asked;
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.dataset.estimate, { method: "POST", body: new FormData(form), headers: { "X-Part": "estimate" } });
    if (answer.ok && mine === asked) place.innerHTML = await answer.text();
  } catch { /* the last estimate stays; the next key press asks again */ }
  if (mine === asked) place.setAttribute("aria-busy", "false");
}

if (form) {
  form.querySelectorAll("[data-no-script]").forEach((button) => { button.hidden = true; });
  form.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(ask, PAUSE); });
  if (form.querySelector("[name=tier]").value) ask();
}
