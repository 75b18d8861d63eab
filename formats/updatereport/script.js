// The page is whole without this. It filters and orders the table, and keeps what it
// does in the address: #q=…&outcome=…&status=…&sort=… (-… the other way round). Of many records it
// lists the first, until somebody wants all or prints: a browser takes long to lay out the rest.
(() => {
  "use strict";
  const table = document.getElementById("records");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[0].cells);
  const form = document.getElementById("filter");
  const shown = document.getElementById("shown");
  const more = document.getElementById("more");
  const fields = ["q", "outcome", "status"];
  const first = 1000;
  const number = n => n.toLocaleString("en");
  let texts; // of the rows in lower case, once somebody searches
  let sort = "", sorted = "", list = rows, limit = first;

  // An order that a person expects: months of a year together, 2 before 10.
  const order = new Intl.Collator("en", {numeric: true});
  const comparable = text => /^\d\d\/\d{4}$/.test(text) ? text.slice(3) + text.slice(0, 2) : text;

  function arrange() {
    const down = sort.startsWith("-");
    const at = heads.findIndex(h => h.dataset.key === sort.replace("-", ""));
    heads.forEach((h, i) => i === at ? h.setAttribute("aria-sort", down ? "descending" : "ascending") : h.removeAttribute("aria-sort"));
    if (sort === sorted) return;
    sorted = sort;
    list = rows;
    if (at >= 0) {
      const keys = new Map(rows.map(r => [r, comparable(r.cells[at].textContent)]));
      const sign = down ? -1 : 1;
      list = rows.slice().sort((a, b) => sign * order.compare(keys.get(a), keys.get(b)));
    }
    const all = document.createDocumentFragment();
    list.forEach(r => all.append(r));
    body.append(all);
  }

  function filter() {
    const words = form.q.value.toLowerCase().split(/\s+/).filter(Boolean);
    const outcome = form.outcome.value, status = form.status.value;
    if (words.length && !texts) texts = new Map(rows.map(r => [r, r.textContent.toLowerCase()]));
    let n = 0;
    list.forEach(r => {
      const fits = (!outcome || r.dataset.outcome === outcome) && (!status || r.dataset.status === status) && words.every(w => texts.get(r).includes(w));
      if (fits) n++;
      const seen = fits && n <= limit;
      if (r.hidden === seen) r.hidden = !seen;
    });
    more.hidden = n <= limit;
    more.textContent = "List all " + number(n);
    const by = [];
    if (words.length) by.push("text “" + form.q.value.trim() + "”");
    if (outcome) by.push("outcome " + form.outcome.selectedOptions[0].text);
    if (status) by.push("billing status " + status);
    shown.textContent = number(n) + " of " + number(rows.length) + (rows.length === 1 ? " record" : " records") + " shown" +
      (by.length ? ": " + by.join(", ") : "") + (n > limit ? "; the first " + number(limit) + " are listed" : "");
  }

  function keep() {
    const state = new URLSearchParams();
    fields.forEach(f => { if (form[f].value.trim()) state.set(f, form[f].value.trim()); });
    if (sort) state.set("sort", sort);
    try {
      history.replaceState(null, "", "#" + state);
    } catch {
      // A page within a mail may not change its address.
    }
  }

  function load() {
    const state = new URLSearchParams(location.hash.slice(1));
    fields.forEach(f => {
      form[f].value = state.get(f) || "";
      if (form[f].selectedIndex < 0) form[f].value = "";
    });
    sort = state.get("sort") || "";
    arrange();
    listUpTo(first);
  }

  function listUpTo(n) {
    limit = n;
    filter();
  }

  let waiting;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { listUpTo(first); keep(); }, 200);
  });
  form.addEventListener("submit", e => e.preventDefault());
  form.addEventListener("reset", e => {
    e.preventDefault();
    clearTimeout(waiting);
    fields.forEach(f => { form[f].value = ""; });
    listUpTo(first);
    keep();
  });
  heads.forEach(h => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...h.childNodes);
    button.addEventListener("click", () => {
      const key = h.dataset.key;
      sort = sort === key ? "-" + key : sort === "-" + key ? "" : key;
      arrange();
      filter();
      keep();
    });
    h.append(button);
  });
  document.querySelectorAll("#outcomes [data-outcome]").forEach(tag => {
    const link = document.createElement("a");
    link.href = "#outcome=" + encodeURIComponent(tag.dataset.outcome);
    link.title = "Show these records";
    link.append(...tag.childNodes);
    link.addEventListener("click", () => document.getElementById("list").scrollIntoView());
    tag.append(link);
  });
  more.addEventListener("click", () => listUpTo(Infinity));
  addEventListener("beforeprint", () => listUpTo(Infinity));
  addEventListener("afterprint", () => listUpTo(first));
  addEventListener("hashchange", load);
  form.hidden = false;
  load();
  document.documentElement.classList.remove("busy");
})();
