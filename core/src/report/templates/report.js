const controls = document.getElementById("controls");
const [words, state, order] = ["words", "state", "order"].map((id) => document.getElementById(id));
// Only the report of several registries has this filter.
const registry = document.getElementById("registry");
const groups = [...document.querySelectorAll(".group")];
const images = [...document.querySelectorAll(".image")];
const texts = new Map(images.map((image) => [image, image.textContent.toLowerCase()]));
const orders = {
  rank: (a, b) => a.dataset.rank - b.dataset.rank,
  name: (a, b) => a.dataset.name.localeCompare(b.dataset.name),
  verdict: (a, b) => a.dataset.verdict.localeCompare(b.dataset.verdict),
  seconds: (a, b) => b.dataset.seconds - a.dataset.seconds,
};

function filter() {
  const wanted = words.value.toLowerCase().split(/\s+/);
  for (const image of images) {
    const isShown = (state.value === "" || image.dataset.state === state.value)
      && (!registry?.value || image.dataset.registry === registry.value)
      && wanted.every((word) => texts.get(image).includes(word));
    image.hidden = !isShown;
  }
  for (const group of groups) {
    group.hidden = !group.querySelector(".image:not([hidden])");
  }
  const shown = images.filter((image) => !image.hidden).length;
  document.getElementById("shown").textContent = `${shown} of ${images.length} shown`;
}

function sort() {
  for (const group of groups) {
    const sorted = [...group.querySelectorAll(".image")].sort(orders[order.value]);
    group.querySelector("ul").append(...sorted);
  }
}

words.addEventListener("input", filter);
state.addEventListener("change", filter);
registry?.addEventListener("change", filter);
order.addEventListener("change", sort);
addEventListener("beforeprint", () => {
  document.querySelectorAll("details").forEach((details) => { details.open = true; });
});
controls.hidden = false;
filter();
sort();
