// One tab stop per grid: arrow keys move between cells, and a line says what a cell is of.
(function () {
  "use strict";
  var said = document.getElementById("said");
  function rows(table) {
    return Array.prototype.filter.call(table.rows, function (row) { return row.cells.length > 1 && !row.hidden; });
  }
  function tell(table, cell) {
    if (!said) return;
    var row = cell.parentNode, head = table.tHead.rows[0].cells[cell.cellIndex];
    var name = row.querySelector("th[scope=row]");
    var parts = [name ? name.textContent : "", head ? head.textContent : ""];
    if (cell.dataset.status) parts = [parts[0]];
    if (cell.tagName === "TH" && !cell.dataset.said) parts = [cell.textContent];
    else parts.push(cell.textContent || "no gain");
    if (cell.dataset.said) parts.push(cell.dataset.said);
    said.textContent = parts.filter(Boolean).join(" · ");
  }
  function go(table, cell) {
    if (!cell) return;
    var old = table.querySelector("[tabindex='0']");
    if (old) old.tabIndex = -1;
    cell.tabIndex = 0;
    cell.focus();
  }
  window.intertrainGrid = function (table) {
    // Links in cells are reached by Enter on their cell.
    table.querySelectorAll("a, [tabindex], thead th").forEach(function (one) { one.tabIndex = -1; });
    table.rows[0].cells[0].tabIndex = 0;
    table.addEventListener("focusin", function (event) {
      var cell = event.target.closest("td, th");
      if (cell) tell(table, cell);
    });
    table.addEventListener("mousedown", function (event) {
      var cell = event.target.closest("td, th");
      if (cell && !event.target.closest("a") && !cell.closest("thead")) go(table, cell);
    });
    table.addEventListener("keydown", function (event) {
      var cell = event.target.closest("td, th");
      if (!cell) return;
      var all = rows(table), y = all.indexOf(cell.parentNode), x = cell.cellIndex;
      if (event.key === "ArrowDown") y += 1;
      else if (event.key === "ArrowUp") y -= 1;
      else if (event.key === "ArrowRight") x += 1;
      else if (event.key === "ArrowLeft") x -= 1;
      else if (event.key === "Home") x = 0;
      else if (event.key === "End") x = cell.parentNode.cells.length - 1;
      else if (event.key === "PageDown") y = Math.min(all.length - 1, y + 20);
      else if (event.key === "PageUp") y = Math.max(0, y - 20);
      else {
        if (event.key === "Enter" && !cell.closest("thead") && event.target === cell) {
          var link = cell.querySelector("a");
          if (link) link.click();
        }
        return;
      }
      event.preventDefault();
      if (all[y]) go(table, all[y].cells[Math.min(x, all[y].cells.length - 1)]);
    });
  };
  document.querySelectorAll("table.matrix").forEach(window.intertrainGrid);
})();
