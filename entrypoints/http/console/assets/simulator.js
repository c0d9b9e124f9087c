// What the simulator's form does on top: it tells that files are too large before they are sent,
// asks how many only where that counts, and leads to what is wrong, or to the answer.
"use strict";

(() => {
  /** Say beside the field what the server would say after a long upload. */
  function checkFiles(input) {
    const most = Number(input.dataset.mostBytes);
    const bytes = [...input.files].reduce((sum, file) => sum + file.size, 0);
    const megabytes = Math.floor(most / 1024 / 1024);
    input.setCustomValidity(
      bytes > most ? `All files together may have ${megabytes} MB.` : "",
    );
  }

  function showCount() {
    const often = document.getElementById("how_often");
    const count = document.getElementById("count-field");
    if (often && count) count.hidden = often.value !== "many";
  }

  document.addEventListener("change", (event) => {
    if (event.target.id === "how_often") showCount();
    if (event.target.dataset?.mostBytes) checkFiles(event.target);
  });
  document.addEventListener("htmx:after:swap", (event) => {
    showCount();
    if (event.detail.ctx?.sourceElement?.id !== "compose") return;
    const wrong = document.querySelector("#compose [aria-invalid]");
    if (wrong) wrong.focus();
    else document.getElementById("outcome").scrollIntoView({ block: "nearest" });
  });

  showCount();
})();
