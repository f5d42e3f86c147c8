// Brings in pieces that would make a page slow to open: <div data-fetch="address" data-keep="name">, fetched once the
// page stands, and again as long as the answer carries data-again="seconds". Without scripts its link is followed.

const LONGEST_WAIT = 30;

async function bring(place, failures = 0) {
  let wait = 0;
  try {
    const answer = await fetch(place.dataset.fetch, { headers: { "X-Part": "1" }, redirect: "error", cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    const text = await answer.text();
    if (text !== place.dataset.shown) {
      place.innerHTML = text;
      place.dataset.shown = text;
    }
    failures = 0;
    wait = Number(place.querySelector("[data-again]")?.dataset.again || 0);
  } catch {
    failures += 1;
    wait = Math.min(LONGEST_WAIT, 2 ** failures);
  }
  if (wait && place.isConnected) setTimeout(() => bring(place, failures), wait * 1000);
}

document.querySelectorAll("[data-fetch]").forEach((place) => bring(place));
