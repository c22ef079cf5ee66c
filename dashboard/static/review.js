// A review by the keyboard: the place of the value that is looked at is shown in the document. Without this script the
// form works as any form does.
(() => {
  const form = document.querySelector("form.values");
  if (!form) return;
  document.documentElement.classList.add("scripted");
  const sheets = document.querySelector(".sheets");
  const said = sheets.querySelector(".said");
  const plain = said?.textContent ?? "";
  const fields = [...form.querySelectorAll(".entry input, .entry select, .entry textarea")];
  const rowOf = (field) => field.closest("tr");
  const tickOf = (field) => rowOf(field).querySelector(".look input");
  const isOpen = (field) => rowOf(field).classList.contains("doubtful") && !tickOf(field)?.checked && field.value === field.dataset.value;

  function count() {
    const tally = form.querySelector("[data-left]");
    const shown = fields.filter((field) => rowOf(field).classList.contains("doubtful"));
    const left = Number(tally.dataset.all) - shown.filter((field) => !isOpen(field)).length;
    tally.textContent = tally.dataset.left = String(Math.max(0, left));
  }

  function showPlace(row) {
    for (const box of sheets.querySelectorAll(".box")) box.hidden = true;
    if (said) return showPassage(row.dataset.quote);
    const figure = sheets.querySelector(`figure[data-page="${row.dataset.page}"]`);
    if (!figure) return;
    const box = figure.querySelector(".box");
    const picture = figure.querySelector("img");
    if (!row.dataset.box) return figure.scrollIntoView({ block: "nearest" });
    const [left, top, right, bottom] = row.dataset.box.split(" ").map(Number);
    const place = () => {
      box.style.left = `calc(${100 * left}% - 4px)`;
      box.style.width = `calc(${100 * (right - left)}% + 8px)`;
      box.style.top = `${picture.offsetHeight * top - 4}px`;
      box.style.height = `${picture.offsetHeight * (bottom - top) + 8}px`;
      box.hidden = false;
      const middle = figure.offsetTop + picture.offsetHeight * ((top + bottom) / 2);
      sheets.scrollTo({ top: middle - sheets.clientHeight / 2, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    };
    picture.loading = "eager";
    if (picture.complete && picture.naturalWidth) place();
    else picture.addEventListener("load", place, { once: true });
  }

  function showPassage(quote) {
    said.textContent = plain;
    const letters = (quote ?? "").split(/…|\.{3,}/)[0].replace(/\s+/g, "");
    if (!letters) return;
    const escaped = [...letters].map((letter) => letter.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const found = new RegExp(escaped.join("\\s*"), "i").exec(plain);
    if (!found) return;
    const mark = document.createElement("mark");
    mark.textContent = found[0];
    said.replaceChildren(plain.slice(0, found.index), mark, plain.slice(found.index + found[0].length));
    sheets.scrollTo({ top: mark.offsetTop - sheets.clientHeight / 2 });
  }

  function go(field) {
    if (!field) return;
    field.focus();
    field.select?.();
    rowOf(field).scrollIntoView({ block: "nearest" });
  }

  const after = (field) => fields.slice(fields.indexOf(field) + 1).concat(fields.slice(0, fields.indexOf(field)));

  form.addEventListener("focusin", (event) => {
    const row = event.target.closest("tr.cell");
    if (row) showPlace(row);
  });
  form.addEventListener("input", count);
  form.addEventListener("keydown", (event) => {
    const at = fields.indexOf(event.target);
    if (event.isComposing) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.querySelector("button[value=accept]")?.click();
    } else if (at < 0) {
      return;
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      const tick = tickOf(event.target);
      if (tick && event.target.value === event.target.dataset.value) tick.checked = rowOf(event.target).classList.contains("doubtful") || tick.checked;
      count();
      go(after(event.target).find(isOpen) ?? fields[at + 1] ?? null);
    } else if (event.altKey && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      go(fields[at + (event.key === "ArrowDown" ? 1 : -1)]);
    } else if (event.key === "Escape") {
      event.target.value = event.target.dataset.value;
      count();
    }
  });
  for (const tick of form.querySelectorAll("caption input")) {
    tick.addEventListener("change", () => tick.closest("table").classList.toggle("removed", tick.checked));
  }
  addEventListener("beforeunload", (event) => {
    const changed = fields.some((field) => field.value !== field.dataset.value);
    if (changed && !form.dataset.sent) event.preventDefault();
  });
  form.addEventListener("submit", () => { form.dataset.sent = "yes"; });

  const tally = form.querySelector("[data-left]");
  tally.dataset.all = tally.dataset.left;
  go(form.querySelector("[aria-invalid=true]") ?? fields.find(isOpen) ?? fields[0]);
})();
