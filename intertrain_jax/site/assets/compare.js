// Compares any two models, by the formulas of the page's first pair.
(function () {
  "use strict";
  var holder = document.getElementById("data");
  if (!holder) return;
  var data = JSON.parse(holder.textContent), a = document.getElementById("a"), b = document.getElementById("b");
  var body = document.querySelector("#compare tbody");
  function signed(x) { return (x < 0 ? "" : "+") + x.toFixed(2); }
  function interval(x, half) { return "[" + signed(x - half) + ", " + signed(x + half) + "]"; }
  // Long names may break after what joins their parts.
  function write(place, text) {
    place.textContent = "";
    text.split(/(?<=[\/_.:-])(?=[^\d\s])/).forEach(function (part, i) {
      if (i) place.appendChild(document.createElement("wbr"));
      place.appendChild(document.createTextNode(part));
    });
  }
  function cell(row, text, tag, css) {
    var one = document.createElement(tag || "td");
    write(one, text);
    if (css) one.className = css;
    row.appendChild(one);
  }
  function show() {
    var first = Number(a.value), second = Number(b.value), sum = 0, squares = 0, errors = 0, all = true, found = [];
    body.textContent = "";
    data.targets.forEach(function (target, t) {
      var x = data.gains[first][t], y = data.gains[second][t];
      if (x === null || y === null) return;
      var error = null;
      if (data.n && data.std[t] !== null) error = data.std[t] * Math.sqrt(1 / data.n[first][t] + 1 / data.n[second][t]);
      if (error === null) all = false; else errors += error * error;
      found.push(x - y);
      sum += x - y;
      var row = body.insertRow();
      cell(row, target, "th");
      cell(row, signed(x), "td", "num");
      cell(row, signed(y), "td", "num");
      cell(row, signed(x - y), "td", "num");
      cell(row, error === null ? "not known" : interval(x - y, data.quantile[t] * error), "td", "iv");
    });
    var n = found.length, mean = n ? sum / n : 0;
    found.forEach(function (d) { squares += (d - mean) * (d - mean); });
    var half = all && n ? data.normal * Math.sqrt(errors) / n : n > 1 ? data.students[n - 1] * Math.sqrt(squares / (n - 1) / n) : null;
    document.getElementById("mean").textContent = !n ? "They have no target in common." : "Mean difference " + signed(mean) +
      (half === null ? "" : " " + interval(mean, half)) + " over " + n + " targets; the interval is over " + (all ? "seeds." : "targets.");
    ["a", "b"].forEach(function (id) {
      var select = document.getElementById(id);
      write(document.getElementById("name-" + id), select.options[select.selectedIndex].text);
    });
    history.replaceState(null, "", "#a=" + first + "&b=" + second);
  }
  var state = new URLSearchParams(location.hash.slice(1));
  if (state.has("a") && a.options[state.get("a")]) a.value = state.get("a");
  if (state.has("b") && b.options[state.get("b")]) b.value = state.get("b");
  if (location.hash) show();
  a.addEventListener("change", show);
  b.addEventListener("change", show);
  document.getElementById("tools").hidden = false;
})();
