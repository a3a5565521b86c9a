"use strict";
{
  const sides = [...document.querySelectorAll("[data-side]")].map((side) => {
    const panels = [...side.querySelectorAll(".panel")];
    return { panels, cards: [...side.querySelectorAll(".card")], last: panels.length - 1 };
  });
  const last = Math.max(...sides.map((side) => side.last));
  const veil = document.querySelector("[data-veil]");
  const asked = () => /^#step=(\d+)$/.exec(location.hash)?.[1];
  let now = 0;

  function select(number, focus) {
    now = Math.max(0, Math.min(last, number));
    for (const { panels, cards, last: end } of sides) {
      const here = Math.min(now, end); // the shorter one stays where it ends
      panels.forEach((panel, at) => { panel.hidden = at !== here; });
      cards.forEach((card, at) => {
        if (at + 1 === here) card.setAttribute("aria-current", "step");
        else card.removeAttribute("aria-current");
        card.closest(".row").classList.toggle("later", at + 1 > now);
      });
    }
    for (const note of document.querySelectorAll(".note")) {
      note.classList.toggle("later", note.nextElementSibling.classList.contains("later"));
    }
    document.body.classList.toggle("veiled", veil.checked);
    for (const ask of document.querySelectorAll(".ask")) ask.hidden = !veil.checked || now === last;
    const chosen = document.querySelector(".card[aria-current]");
    if (focus && chosen) {
      chosen.focus({ preventScroll: true });
      chosen.scrollIntoView({ block: "nearest" });
    }
    for (const output of document.querySelectorAll("[data-now]")) output.textContent = now;
    for (const button of document.querySelectorAll("[data-go]")) {
      button.disabled = now === (["first", "back"].includes(button.dataset.go) ? 0 : last);
    }
  }

  function go(number, focus) {
    select(number, focus);
    history.replaceState(null, "", `#step=${now}`);
    say();
  }

  function say() {
    const shown = sides.flatMap(({ panels }) => panels.filter((panel) => !panel.hidden));
    const heads = shown.map((panel) => panel.querySelector("h3").innerText);
    document.getElementById("live").textContent = `Step ${now} of ${last}: ${heads.join("; ")}`;
  }

  const moves = { first: () => 0, back: () => now - 1, on: () => now + 1, last: () => last };
  const keys = { ArrowLeft: "back", ArrowRight: "on", k: "back", j: "on", Home: "first", End: "last" };

  document.addEventListener("click", (event) => {
    const card = event.target.closest(".card");
    const button = event.target.closest("[data-go]");
    if (!card && !button) return;
    const { cards } = (card && sides.find((side) => side.cards.includes(card))) || {};
    go(card ? cards.indexOf(card) + 1 : moves[button.dataset.go](), button?.matches(".ask"));
  });
  document.addEventListener("keydown", (event) => {
    if (!(event.key in keys) || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.matches(".scroll")) return; // there the keys scroll
    event.preventDefault();
    go(moves[keys[event.key]](), true);
  });
  veil.addEventListener("change", () => select(now, false));
  addEventListener("hashchange", () => { if (asked()) select(Number(asked()), true); });
  select(Number(asked() ?? 1), false);
}
