"use strict";
// Finds controls on the page. Without it everything is there and can be read.
(() => {
  const form = document.getElementById("find");
  const found = document.getElementById("found");
  const groups = [...document.querySelectorAll(".group")];
  const number = (count, one) => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;

  const controls = [...document.querySelectorAll(".control")].map((node) => ({
    node,
    folds: [node, ...node.querySelectorAll("details")].map((fold) => ({ fold, open: fold.open })),
    frameworks: node.dataset.frameworks.split(" "),
    standing: node.dataset.standing,
    told: node.open,
    head: words(node.querySelector("summary")) + words(node.querySelector("dl")),
    rows: [...node.querySelectorAll("[data-outcome]")].map((row) => ({
      node: row,
      text: words(row),
      outcome: row.dataset.outcome,
      gate: row.dataset.gate,
      team: row.dataset.team,
      folded: row.closest("details") !== node,
    })),
  }));
  const all = controls.reduce((sum, control) => sum + control.rows.length, 0);

  function words(node) {
    return node ? ` ${node.textContent.toLowerCase()}` : "";
  }

  function asked() {
    const said = Object.fromEntries(new FormData(form));
    return { ...said, text: said.text.trim().toLowerCase() };
  }

  function show(node, shown) {
    if (node.hidden === shown) node.hidden = !shown;
  }

  function find() {
    const wanted = asked();
    const narrowed = Object.values(wanted).some((value) => value !== "");
    let seen = 0;
    let rowsSeen = 0;
    for (const control of controls) {
      const fits = !wanted.framework || control.frameworks.includes(wanted.framework);
      const named = control.head.includes(wanted.text);
      let some = 0;
      let outside = 0;
      for (const row of control.rows) {
        const shown =
          fits &&
          (named || row.text.includes(wanted.text)) &&
          ["outcome", "gate", "team"].every((key) => !wanted[key] || wanted[key] === row[key]);
        show(row.node, shown);
        some += shown;
        outside += shown && !row.folded;
      }
      // A control that found nothing to judge has no rows to go by.
      const bare =
        !control.rows.length &&
        fits &&
        named &&
        !wanted.gate &&
        !wanted.team &&
        (!wanted.outcome || wanted.outcome === control.standing);
      show(control.node, some > 0 || bare);
      // A text that is found inside is to be seen, and so is what would leave a control empty.
      unfold(control, (wanted.text && !named) || (narrowed && control.told && !outside));
      seen += some > 0 || bare;
      rowsSeen += some;
    }
    for (const group of groups) {
      show(group, Boolean(group.querySelector(".control:not([hidden])")));
    }
    found.textContent = narrowed
      ? `Shown: ${seen.toLocaleString("en")} of ${number(controls.length, "control")}, ` +
        `${rowsSeen.toLocaleString("en")} of ${number(all, "finding")}.`
      : "";
  }

  // Folds are as they were, but for those that hold what is looked for.
  function unfold(control, looked) {
    for (const { fold, open } of control.folds) {
      const inside = looked && fold.querySelector("[data-outcome]:not([hidden])");
      fold.open = inside ? true : open;
    }
  }

  let waiting = 0;
  function soon() {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(find);
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", soon);
  form.addEventListener("reset", soon);
  form.hidden = false;
  soon();

  // On paper everything is open.
  let before = [];
  addEventListener("beforeprint", () => {
    before = [...document.querySelectorAll("details")].map((fold) => [fold, fold.open]);
    for (const [fold] of before) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const [fold, open] of before) fold.open = open;
  });

  // A link to a control opens it.
  function follow() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) target.open = true;
  }
  addEventListener("hashchange", follow);
  follow();
})();
