// Follows a job's log by offset. Scrolls with it only while the reader is at the end; survives a lost connection.

const box = document.querySelector("[data-log]");
const state = document.querySelector("[data-log-state]");
const KEPT_LINES = 3000;
const FIRST_LINES = 500;

function line(entry, clock) {
  const row = document.createElement("div");
  row.className = entry.level;
  const at = document.createElement("span");
  at.className = "at";
  at.textContent = `${clock.format(new Date(entry.at))} `;
  row.append(at, entry.text);
  return row;
}

async function follow() {
  const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: box.dataset.zone || undefined });
  let offset = Math.max(0, Number(box.dataset.lines) - FIRST_LINES);
  let failures = 0;
  for (;;) {
    let pause = 1500;
    try {
      const answer = await fetch(`${box.dataset.log}?offset=${offset}`, { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = await answer.json();
      failures = 0;
      const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
      box.append(...page.lines.map((entry) => line(entry, clock)));
      while (box.childElementCount > KEPT_LINES) box.firstElementChild.remove();
      if (atEnd) box.scrollTop = box.scrollHeight;
      offset = page.next_offset;
      state.textContent = page.is_complete ? box.dataset.complete : box.dataset.following;
      if (page.is_complete) {
        if (!box.childElementCount) box.textContent = box.dataset.empty;
        return;
      }
      if (page.lines.length >= 500) pause = 0;
    } catch {
      failures += 1;
      state.textContent = box.dataset.lost;
      pause = Math.min(30000, 1000 * 2 ** failures);
    }
    await new Promise((go) => setTimeout(go, document.hidden ? Math.max(pause, 4000) : pause));
  }
}

if (box) follow();
