// Controls that a page without scripts has plainer: sliders beside numbers, rows that are added and removed, and another
// value than those that are drawn.
(() => {
  function prepareSlider(slider) {
    const number = document.getElementById(slider.dataset.slider);
    slider.hidden = false;
    slider.addEventListener("input", () => {
      number.value = slider.value;
      number.dispatchEvent(new Event("input", { bubbles: true }));
    });
    number.addEventListener("input", (event) => {
      if (event.isTrusted && number.value) slider.value = number.value;
    });
  }

  const rowsOf = (list) => [...list.querySelectorAll(":scope > [data-row]")];
  const inputOf = (row) => row.querySelector("input, select, textarea");

  function refresh(list) {
    const rows = rowsOf(list);
    rows.forEach((row, index) => {
      inputOf(row).setAttribute("aria-label", `${list.dataset.rows} ${index + 1}`);
    });
    const add = list.parentElement.querySelector("[data-add]");
    if (add) add.disabled = rows.length >= Number(list.dataset.most ?? Infinity);
  }

  function addRow(list) {
    if (rowsOf(list).length >= Number(list.dataset.most ?? Infinity)) return null;
    const row = list.querySelector("template").content.firstElementChild.cloneNode(true);
    list.querySelector("template").before(row);
    prepareRow(row);
    refresh(list);
    return row;
  }

  function clear(row) {
    const input = inputOf(row);
    input.value = "";
    const picture = row.querySelector(".small-picture");
    if (picture) picture.hidden = true;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function prepareRow(row) {
    const remove = row.querySelector("[data-remove]");
    remove.hidden = false;
    remove.addEventListener("click", () => {
      const list = row.closest("[data-rows]");
      clear(row);
      if (!list || rowsOf(list).length === 1) return inputOf(row).focus();
      const next = row.nextElementSibling?.matches("[data-row]") ? row.nextElementSibling : row.previousElementSibling;
      row.remove();
      refresh(list);
      inputOf(next).focus();
    });
  }

  function prepareList(list) {
    const add = list.parentElement.querySelector("[data-add]");
    if (!add) return;
    add.hidden = false;
    add.addEventListener("click", () => inputOf(addRow(list) ?? rowsOf(list).at(-1)).focus());
    refresh(list);
  }

  function prepareOther(other) {
    const text = other.querySelector("input");
    const options = other.parentElement.querySelectorAll("input[type=radio]");
    options.forEach((option) => option.addEventListener("change", () => { text.value = ""; }));
    text.addEventListener("input", () => {
      options.forEach((option) => { option.checked = !text.value.trim() && option.value === ""; });
    });
  }

  document.querySelectorAll("[data-slider]").forEach(prepareSlider);
  document.querySelectorAll("[data-row]").forEach(prepareRow);
  document.querySelectorAll("[data-rows]").forEach(prepareList);
  document.querySelectorAll(".option.other").forEach(prepareOther);
  window.formRows = { addRow, rowsOf, inputOf };
})();
