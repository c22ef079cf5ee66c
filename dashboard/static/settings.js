// Finds settings by name, value or meaning. Without this script all of them are shown.
const search = document.querySelector("#settings-search");
const [words, changed] = search.querySelectorAll("input");
const groups = [...document.querySelectorAll("#settings .card")];
const settings = [...document.querySelectorAll("#settings .setting")].map((row) => ({ row, text: row.textContent.toLowerCase() }));
const folded = groups.filter((group) => group.localName === "details" && !group.open);

function filter() {
  const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
  const isFiltered = wanted.length > 0 || changed.checked;
  for (const { row, text } of settings) {
    row.hidden = !wanted.every((word) => text.includes(word)) || (changed.checked && !row.classList.contains("changed"));
  }
  for (const group of groups) group.hidden = !group.querySelector(".setting:not([hidden])");
  for (const group of folded) group.open = isFiltered;
  document.querySelector("#settings .vendors").hidden = !groups.some((group) => group.localName === "details" && !group.hidden);
  document.querySelector("#settings-nothing").hidden = groups.some((group) => !group.hidden);
}

search.hidden = false;
search.addEventListener("input", filter);
filter();
