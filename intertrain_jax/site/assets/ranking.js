// Sorts and filters the ranking, keeps that in the address, and gives what is shown as CSV.
(function () {
  "use strict";
  var table = document.getElementById("ranking");
  if (!table || !window.DataTable) return;
  var get = function (id) { return document.getElementById(id); };
  var tools = get("tools"), q = get("q"), col = get("col"), min = get("min");
  var heads = Array.prototype.map.call(table.tHead.rows[0].cells, function (th) { return th.textContent.trim(); });
  var name = heads.indexOf("model"), status = heads.indexOf("status"), up = [];
  heads.forEach(function (head, i) {
    var kinds = table.tHead.rows[0].cells[i].classList;
    if (kinds.contains("num")) col.add(new Option(head, String(i)));
    if (kinds.contains("up")) up.push(i);
  });
  var grid = new window.DataTable(table, {
    paging: false, info: false, autoWidth: false, order: [], orderClasses: false, orderMulti: false,
    language: { emptyTable: "No model has a number.", zeroRecords: "No model with a number fits." },
    layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
    columnDefs: [{ targets: "_all", orderSequence: ["desc", "asc", ""] }, { targets: up, orderSequence: ["asc", "desc", ""] }]
  });
  // What a row's model is called, also where its cell shows the end of that only.
  function full(row) {
    var cell = row.querySelector("th"), short = cell.querySelector("bdi[title]");
    return short ? short.title : cell.textContent.trim();
  }
  // Models without any number are rows of their own body: no order moves them.
  var without = get("without"), others = without ? Array.prototype.slice.call(without.rows) : [];
  // A real table lays out every cell again when rows move. Columns keep the widths that it had, so that
  // rows are laid out on their own, and those out of sight not at all; print has the real table.
  function fix() {
    var cells = Array.prototype.slice.call(table.tHead.rows[0].cells), first = table.tBodies[0].rows[0];
    var em = parseFloat(getComputedStyle(table).fontSize), total = 0;
    var columns = cells.map(function (cell, i) {
      var width = Math.ceil(cell.getBoundingClientRect().width) / em;
      var text = i === name ? "min(" + width.toFixed(3) + "em, 42vw)" : width.toFixed(3) + "em";
      total += i === name ? 0 : width;
      return text;
    });
    table.style.setProperty("--columns", columns.join(" "));
    table.style.setProperty("--width", "calc(" + total.toFixed(3) + "em + " + columns[name] + ")");
    var height = Math.ceil(first ? first.getBoundingClientRect().height : 2 * em);
    // Whole pixels: parts of one would let a sticky cell cover its neighbour's line.
    table.style.setProperty("--height", height + "px");
    // Some browsers take another display for another role.
    [["table", [table]], ["rowgroup", table.querySelectorAll("thead, tbody")], ["row", table.rows], ["columnheader", cells],
      ["rowheader", table.querySelectorAll("tbody th")], ["cell", table.querySelectorAll("td")]].forEach(function (pair) {
      Array.prototype.forEach.call(pair[1], function (one) { one.setAttribute("role", pair[0]); });
    });
    table.classList.add("laid");
  }
  fix();
  window.intertrainGrid(table);
  // The library makes every heading a tab stop: they are reached by arrow keys here.
  function tame() {
    var stops = table.querySelectorAll("[tabindex='0']"), kept = document.activeElement;
    if (!table.contains(kept) || kept.tabIndex !== 0) kept = stops[0];
    stops.forEach(function (one) { if (one !== kept) one.tabIndex = -1; });
  }
  grid.ready(tame);
  table.tHead.addEventListener("keydown", function (event) {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    var index = event.target.closest("th").cellIndex, now = grid.order()[0];
    var turn = up.indexOf(index) < 0 ? ["desc", "asc"] : ["asc", "desc"];
    grid.order([[index, now && now[0] === index && now[1] === turn[0] ? turn[1] : turn[0]]]).draw();
  }, true);
  grid.search.fixed("model", function (text, data, index) {
    var row = grid.row(index).node(), wanted = q.value.trim().toLowerCase();
    if (wanted && full(row).toLowerCase().indexOf(wanted) < 0) return false;
    if (min.value === "" || col.value === "") return true;
    var cell = row.cells[Number(col.value)], text2 = cell.textContent.trim();
    return text2 !== "" && Number(cell.dataset.order || text2) >= Number(min.value);
  });
  var reading = false;
  // Returns the rows without numbers that the filter shows.
  function thin() {
    var wanted = q.value.trim().toLowerCase(), numbers = min.value !== "" && col.value !== "";
    return others.filter(function (row) {
      row.hidden = numbers || Boolean(wanted) && full(row).toLowerCase().indexOf(wanted) < 0;
      return !row.hidden;
    });
  }
  function keep() {
    tame();
    var shown = grid.rows({ search: "applied" }).count() + thin().length, all = grid.rows().count() + others.length;
    get("count").textContent = shown.toLocaleString("en") + " of " + all.toLocaleString("en") + " models";
    if (reading) return;
    var state = new URLSearchParams(), now = grid.order()[0];
    if (q.value) state.set("q", q.value);
    if (col.value !== "" && min.value !== "") { state.set("column", heads[Number(col.value)]); state.set("min", min.value); }
    if (now && now[1]) { state.set("sort", heads[now[0]]); state.set("order", now[1]); }
    var address = state.toString();
    history.replaceState(null, "", address ? "#" + address : location.pathname + location.search);
  }
  function restore() {
    reading = true;
    var state = new URLSearchParams(location.hash.slice(1)), at = heads.indexOf(state.get("sort"));
    q.value = state.get("q") || "";
    var column = heads.indexOf(state.get("column"));
    col.value = column < 0 ? "" : String(column);
    min.value = state.get("min") || "";
    grid.order(at < 0 ? [] : [[at, state.get("order") === "desc" ? "desc" : "asc"]]).draw();
    reading = false;
  }
  grid.on("draw", keep);
  [q, min].forEach(function (one) { one.addEventListener("input", function () { grid.draw(); }); });
  col.addEventListener("change", function () { grid.draw(); });
  get("reset").addEventListener("click", function () { q.value = min.value = col.value = ""; grid.order([]).draw(); });
  tools.addEventListener("submit", function (event) { event.preventDefault(); });
  window.addEventListener("hashchange", restore);
  function shown(cell) {
    if (cell.tagName === "TH" && cell.scope === "row") return full(cell.parentNode);
    var order = cell.dataset.order, text = cell.textContent.trim();
    return text && order !== undefined && isFinite(order) && /^[+-]?[\d.]+$/.test(text) ? order : text;
  }
  function safe(text) {
    if (/^[=+\-@\t\r]/.test(text) && !isFinite(text)) text = "'" + text;
    return /[",\n\r]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }
  // A row's texts, one per heading.
  function texts(row) {
    if (row.parentNode !== without) return Array.prototype.map.call(row.cells, shown);
    return heads.map(function (_, i) { return i === name ? shown(row.cells[1]) : i === status ? shown(row.cells[2]) : ""; });
  }
  get("csv").addEventListener("click", function () {
    var rows = grid.rows({ search: "applied", order: "applied" }).nodes().toArray().concat(thin());
    var lines = [heads].concat(rows.map(texts)).map(function (line) { return line.map(safe).join(","); });
    var link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
    link.download = "ranking-shown.csv";
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
  });
  get("copy").addEventListener("click", function () {
    var cell = table.querySelector("tbody [tabindex='0']");
    var row = cell ? cell.parentNode : table.tBodies[0].rows[0] || others[0];
    if (!row) return;
    var text = texts(row).join("\t");
    var area = document.createElement("textarea");
    area.value = text;
    document.body.appendChild(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    get("count").textContent = "Copied: " + full(row);
  });
  tools.hidden = false;
  restore();
})();
