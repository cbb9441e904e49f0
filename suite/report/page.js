// Draws the page's figures in its mode, switches the mode, and sorts tables. Nothing here asks a network for anything.
(() => {
  const root = document.documentElement;
  const button = document.getElementById("mode");
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const sources = new Map();

  const mode = () => root.dataset.mode || (system.matches ? "dark" : "light");

  const draw = (place, colours = mode()) => breadthDrawing.draw(place, sources.get(place), colours);

  for (const source of document.querySelectorAll("script[data-plot]")) {
    const place = document.getElementById(source.dataset.plot);
    sources.set(place, JSON.parse(source.textContent));
  }
  const drawAll = (colours) => Promise.all([...sources.keys()].map((place) => draw(place, colours)));

  const say = () => {
    button.textContent = mode() === "dark" ? "light" : "dark";
    button.setAttribute("aria-pressed", String(mode() === "dark"));
  };
  const switched = () => { say(); drawAll(); };
  button.addEventListener("click", () => { root.dataset.mode = mode() === "dark" ? "light" : "dark"; switched(); });
  system.addEventListener("change", switched);

  breadthDrawing.onCrossing(() => drawAll());

  // Paper is white.
  let before;
  window.addEventListener("beforeprint", () => { before = root.dataset.mode; root.dataset.mode = "light"; drawAll("light"); });
  window.addEventListener("afterprint", () => {
    if (before === undefined) delete root.dataset.mode; else root.dataset.mode = before;
    drawAll();
  });

  const key = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.sort === undefined) return cell.textContent;
    return cell.dataset.sort === "" ? null : Number(cell.dataset.sort);
  };
  const compared = (one, other) => (typeof one === "number" ? one - other : one.localeCompare(other, "en", { numeric: true }));
  for (const head of document.querySelectorAll("th")) {
    head.querySelector("button").addEventListener("click", () => {
      const table = head.closest("table");
      const column = head.cellIndex;
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows].sort((one, other) => {
        const [a, b] = [key(one, column), key(other, column)];
        // Cells without a number stay at the end, whichever way the rest is sorted.
        if (a === null || b === null) return (a === null) - (b === null);
        return down ? compared(b, a) : compared(a, b);
      });
      table.tBodies[0].append(...rows);
    });
  }

  say();
  drawAll().then(() => { root.dataset.drawn = "yes"; });
})();
