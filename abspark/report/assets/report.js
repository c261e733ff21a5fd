"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, within) => [...(within || document).querySelectorAll(selector)];
  const wantsDark = matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Map(); // the width of each figure that is drawn
  const stale = new Set();
  const figures = new Map();
  const pen = document.createElement("canvas").getContext("2d");
  const STANDOFF = 8; // pixels between a name and its row
  const ROOMY = 720; // pixels of width that all columns of a flow need at least
  const PAPER = 660; // pixels of width that A4 and letter have room for
  let data = { figures: {}, choosers: {} };
  let waiting = 0;
  let before = null; // the theme to go back to while the page is printed

  function setTheme(name) {
    root.dataset.theme = name;
    const button = document.querySelector("[data-theme-switch]");
    if (button) { button.hidden = false; button.textContent = name === "dark" ? "Light" : "Dark"; }
    drawn.forEach((_, box) => draw(box));
  }

  async function unpacked(id) {
    const element = document.getElementById(id);
    if (!element) return null;
    const letters = atob(element.textContent);
    const bytes = new Uint8Array(letters.length);
    for (let place = 0; place < letters.length; place += 1) bytes[place] = letters.charCodeAt(place);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  // figures: data and layout come from the page; here they get the theme's colours and fonts

  function coloured(value, style) {
    if (typeof value === "string") return value[0] === "@" ? style.getPropertyValue("--" + value.slice(1)).trim() : value;
    if (Array.isArray(value)) return value.map((part) => coloured(part, style));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, part]) =>
        key === "customdata" || key === "ticktext" || key === "label" || key === "name" ? [key, part] : [key, coloured(part, style)]));
    }
    return value;
  }

  // names cut for a narrow page at their ends; where two would read alike in the middle, or else not at all
  function shortened(names) {
    const cut = (head, tail) => names.map((text) => {
      const letters = text.match(/&(?:lt|gt|amp);|[^]/gu) || []; // an entity is one letter
      return letters.length > 17 ? [...letters.slice(0, head), "…", ...letters.slice(letters.length - tail)].join("") : text;
    });
    const told = new Set(names).size;
    return [cut(16, 0), cut(8, 8)].find((made) => new Set(made).size === told) || names;
  }

  function axis(given, narrow) {
    const base = { automargin: true, fixedrange: true, gridcolor: "@line", zerolinecolor: "@muted", zerolinewidth: 1.5,
      tickfont: { color: "@muted", size: narrow ? 11 : 12 }, ticks: "", nticks: narrow ? 5 : 9 };
    const merged = { ...base, ...given };
    if (merged.ticktext) {
      Object.assign(merged, { ticktext: narrow ? shortened(merged.ticktext) : merged.ticktext, automargin: false, ticklabelstandoff: STANDOFF,
        tickfont: { color: "@text", size: narrow ? 11 : 13 } });
    }
    if (narrow && merged.type === "date") merged.dtick = 2 * merged.dtick;
    if (merged.title) merged.title = { ...merged.title, font: { color: "@muted", size: 12 } };
    return merged;
  }

  // room for the names beside an axis: Plotly's own automargin draws a long list of them several times over
  function besideNames(names, font) {
    pen.font = font;
    const plain = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
    return Math.ceil(Math.max(...names.map((text) => pen.measureText(plain(text)).width))) + STANDOFF + 6;
  }

  // labels of a flow lie between its columns, which are close together where there is little room
  function folded(trace) {
    const lines = (text) => text.split(/ +/).reduce((made, word) => {
      const last = made[made.length - 1];
      return last !== undefined && (last + " " + word).length <= 12 ? [...made.slice(0, -1), last + " " + word] : [...made, word];
    }, []);
    return { ...trace, textfont: { size: 11 }, node: { ...trace.node, pad: 40, label: trace.node.label.map((text) => lines(text).join("<br>")) } };
  }

  // whether the labels of a flow's last two columns, which stand towards each other, fit between them
  function fits(trace, width, font) {
    pen.font = font;
    const { source, target } = trace.link;
    const depth = trace.node.label.map(() => 0);
    target.forEach((end, place) => { depth[end] = Math.max(depth[end], depth[source[place]] + 1); }); // links go from left to right
    const last = Math.max(...depth);
    const widest = (nodes) => Math.max(0, ...nodes.map((node) => pen.measureText(trace.node.label[node]).width));
    const ends = target.filter((node) => !source.includes(node));
    const room = width / last - 3 * trace.node.thickness;
    return widest(source.filter((node) => depth[node] === last - 1)) + widest(ends) < room;
  }

  function prepare(box, figure) {
    box.hidden = !figure;
    if (!figure) return;
    figures.set(box, figure);
    box.style.height = figure.height + "px";
    box.setAttribute("aria-label", figure.alt);
  }

  // a figure is made for its width: in another one its labels need another place, so that it is drawn anew
  const resized = new ResizeObserver((entries) => {
    clearTimeout(waiting);
    entries.forEach(({ target }) => stale.add(target));
    waiting = setTimeout(() => {
      stale.forEach((box) => { if (!before && box.clientWidth && box.clientWidth !== drawn.get(box)) draw(box); });
      stale.clear();
    }, 100);
  });

  function draw(box) {
    const figure = figures.get(box);
    if (!figure || !window.Plotly) return;
    if (!drawn.has(box)) resized.observe(box);
    const width = before ? Math.min(box.clientWidth, PAPER) : box.clientWidth;
    const narrow = box.clientWidth < 560;
    drawn.set(box, width);
    const style = getComputedStyle(root);
    const layout = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, dragmode: false, hovermode: "closest",
      font: { family: getComputedStyle(document.body).fontFamily, color: "@text", size: narrow ? 11 : 13 },
      margin: { l: 8, r: 16, t: 12, b: 32 }, bargap: 0.5, height: figure.height, width,
      legend: { orientation: "h", y: 1.12, x: 0, font: { color: "@muted", size: 12 } },
      hoverlabel: { bgcolor: "@card", bordercolor: "@line", font: { color: "@text", size: 13 }, align: "left" },
      ...figure.layout, xaxis: axis(figure.layout.xaxis, narrow), yaxis: axis(figure.layout.yaxis, narrow),
    };
    if (layout.yaxis2) layout.yaxis2 = axis(layout.yaxis2, narrow);
    if (layout.showlegend) layout.margin.t = 40;
    const { ticktext, tickfont } = layout.yaxis;
    if (ticktext) layout.margin.l = besideNames(ticktext, `${tickfont.size}px ${layout.font.family}`);
    if (before) window.Plotly.purge(box); // a change of what is drawn already would still be moving on paper
    const tight = figure.narrow && (width < ROOMY || !fits(figure.data[0], width, `${layout.font.size}px ${layout.font.family}`));
    const traces = tight ? figure.narrow.map(folded) : figure.data;
    window.Plotly.react(box, coloured(traces, style), coloured(layout, style), { displayModeBar: false });
  }

  const undrawn = () => all(".figure:not([hidden])").filter((box) => !drawn.has(box));

  function awayFromView(box) {
    const { top, bottom } = box.getBoundingClientRect();
    return Math.max(0, top - innerHeight, -bottom);
  }

  // how far the page is: `ready` but for its figures, with all figures `seen` that are in view, with all of them `drawn`
  function reached(stage) {
    if (root.dataset[stage]) return;
    root.dataset[stage] = "true";
    performance.mark(stage);
  }

  // figures that are still to be drawn, the nearest first: what is looked at, wherever the reader has scrolled to by then
  function toDraw() {
    const rest = undrawn().map((box) => [awayFromView(box), box]).sort(([near], [far]) => near - far);
    if (!rest.length || rest[0][0] > 0) reached("seen");
    return rest;
  }

  // what is out of view is drawn while nothing else is to do
  function drawNext() {
    const rest = toDraw();
    if (!rest.length) { reached("drawn"); return; }
    const [[away, box]] = rest;
    draw(box);
    if (away > innerHeight && "requestIdleCallback" in window) requestIdleCallback(drawNext, { timeout: 100 });
    else setTimeout(drawNext);
  }

  // Plotly takes a second to load, which a page without a figure in view does not wait for
  async function drawAll() {
    toDraw();
    const plotly = document.createElement("script");
    plotly.textContent = await unpacked("plotly");
    document.head.append(plotly);
    drawNext();
  }

  // tables

  const cellsOf = (row) => [...row.children];
  const valueOf = (cell) => (cell.dataset.value === undefined ? cell.textContent : cell.dataset.value);

  const missing = (text) => text === "" || text === "—";
  const isNumber = (text) => text !== undefined && text.trim() !== "" && !Number.isNaN(Number(text));

  // undefined last in either direction; numbers as numbers, the rest as words
  function sort(table, place, ascending) {
    const words = new Intl.Collator(undefined, { numeric: true });
    const cells = [...table.tBodies[0].rows].map((row) => row.children[place]);
    const values = cells.map((cell) => cell.dataset.value).filter((value) => value !== undefined);
    const numeric = values.length ? values.every(isNumber) : table.tHead.rows[0].children[place].classList.contains("num");
    const rows = cells.map((cell) => [numeric ? cell.dataset.value ?? "" : valueOf(cell), cell.parentElement]);
    rows.sort(([first], [second]) => {
      if (missing(first) || missing(second)) return missing(first) - missing(second);
      return (ascending ? 1 : -1) * (numeric ? Number(first) - Number(second) : words.compare(first, second));
    });
    table.tBodies[0].append(...rows.map(([, row]) => row));
    all("thead th", table).forEach((heading, index) => {
      if (index === place) heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      else heading.removeAttribute("aria-sort");
    });
  }

  function makeSortable(table) {
    all("thead th", table).forEach((heading, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      button.addEventListener("click", () => sort(table, place, heading.getAttribute("aria-sort") !== "ascending"));
      heading.replaceChildren(button);
    });
  }

  function filter(table, text) {
    const wanted = text.trim().toLowerCase();
    [...table.tBodies[0].rows].forEach((row) => { row.hidden = !row.textContent.toLowerCase().includes(wanted); });
  }

  // a spreadsheet would run a text that begins like a formula
  const inert = (text) => (/^[=+\-@\t\r]/.test(text) ? "'" + text : text);

  function exported(cell) {
    if (cell.classList.contains("num") && isNumber(cell.dataset.value)) return cell.dataset.value;
    return inert([...cell.childNodes].map((part) => part.textContent).join("; "));
  }

  // both ends of an interval; one that is not there is named by the text, as open or undefined
  function ends(cell) {
    const texts = cell.textContent.split(" … ");
    return [cell.dataset.value, cell.dataset.high].map((end, place) => (isNumber(end) ? end : inert(texts[place] ?? texts[0])));
  }

  // an interval is of two columns of the table that it comes from, and becomes two
  function lines(table, separator) {
    const quoted = (text) => (/["\n\r,\t;]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text);
    const headings = cellsOf(table.tHead.rows[0]);
    const isInterval = headings.map((heading) => heading.classList.contains("num") && (heading.dataset.column || "").includes(" "));
    const named = headings.flatMap((heading, place) =>
      isInterval[place] ? ["low", "high"].map((end) => `${exported(heading)} (${end})`) : [exported(heading)]);
    const shown = [...table.tBodies[0].rows].filter((row) => !row.hidden);
    const rows = shown.map((row) => cellsOf(row).flatMap((cell, place) => (isInterval[place] ? ends(cell) : [exported(cell)])));
    return [named, ...rows].map((texts) => texts.map(quoted).join(separator)).join("\n") + "\n";
  }

  async function copy(table) {
    const text = lines(table, "\t");
    if (navigator.clipboard) { try { await navigator.clipboard.writeText(text); return true; } catch { /* asked for below */ } }
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }

  function save(table) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff" + lines(table, ",")], { type: "text/csv" }));
    link.download = table.id + ".csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  // a table that is wider than its place says so, until its last column is seen
  function watchWidth(box, more) {
    const look = () => {
      const wider = box.scrollWidth > box.clientWidth + 1;
      box.classList.toggle("wider", wider);
      more.hidden = !wider;
      more.style.visibility = box.scrollLeft + box.clientWidth >= box.scrollWidth - 1 ? "hidden" : "";
    };
    new ResizeObserver(look).observe(box);
    new ResizeObserver(look).observe(box.querySelector("table"));
    box.addEventListener("scroll", look, { passive: true });
  }

  function wireTables() {
    all("table").forEach(makeSortable);
    all(".table-tools").forEach((tools) => {
      const table = tools.nextElementSibling.querySelector("table");
      const told = tools.querySelector(".told");
      const tell = (text) => { told.textContent = text; setTimeout(() => { told.textContent = ""; }, 3000); };
      tools.hidden = false;
      watchWidth(table.parentElement, tools.querySelector("[data-more]"));
      tools.querySelector("[data-filter]").addEventListener("input", (event) => filter(table, event.target.value));
      tools.querySelector("[data-copy]").addEventListener("click", async () => tell((await copy(table)) ? "Copied" : "Not copied"));
      tools.querySelector("[data-save]").addEventListener("click", () => save(table));
    });
  }

  // choosers

  function fill(table, rows) {
    const headings = all("thead th", table);
    headings.forEach((heading) => heading.removeAttribute("aria-sort"));
    table.tBodies[0].replaceChildren(...rows.map((cells) => {
      const row = document.createElement("tr");
      cells.forEach(([text, value, tone, high], place) => {
        const cell = document.createElement(place === 0 ? "th" : "td");
        const numeric = headings[place].classList.contains("num");
        if (place === 0) cell.scope = "row";
        if (numeric) cell.className = "num"; else cell.dir = "auto";
        if (tone) cell.dataset.tone = tone;
        if (value !== null) cell.dataset.value = value;
        if (high !== null) cell.dataset.high = high;
        cell.textContent = text;
        row.append(cell);
      });
      return row;
    }));
  }

  function choose(box, place, withTable) {
    const chosen = data.choosers[box.dataset.chooser].panels[place];
    all("[data-slot]", box).forEach((slot) => {
      prepare(slot, chosen.figures[slot.dataset.slot]);
      if (withTable) draw(slot);
    });
    if (!withTable) return;
    box.querySelector("[data-note]").textContent = chosen.note;
    const table = box.querySelector("table");
    fill(table, chosen.rows);
    filter(table, box.querySelector("[data-filter]").value);
  }

  async function start() {
    setTheme(root.dataset.theme || (wantsDark.matches ? "dark" : "light"));
    wireTables();
    wantsDark.addEventListener("change", () => setTheme(wantsDark.matches ? "dark" : "light"));
    document.querySelector("[data-theme-switch]")?.addEventListener("click", () => setTheme(root.dataset.theme === "dark" ? "light" : "dark"));
    const given = await unpacked("page-data");
    if (given !== null) {
      data = JSON.parse(given);
      all("[data-figure]").forEach((box) => prepare(box, data.figures[box.dataset.figure]));
      all("[data-chooser]").forEach((box) => {
        choose(box, 0, false);
        box.querySelector("select")?.addEventListener("change", (event) => choose(box, Number(event.target.value), true));
      });
    }
    reached("ready");
    if (given !== null) setTimeout(drawAll);
  }

  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    all("details").forEach((part) => { part.open = true; });
    setTheme("light");
    undrawn().forEach(draw);
  });
  addEventListener("afterprint", () => { const theme = before; before = null; setTheme(theme || "light"); });
  start();
})();
