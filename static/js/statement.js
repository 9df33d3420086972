// Proves a JSON statement line by line: its hashes, and that it adds up. The same as
// quota/rules/statement.py does; nothing leaves the browser.
const HEAD = '{"format":"tcss-billing statement 1","lines":[';
const MOVES = {
  grant: [0, 0, 1], hold: [0, 1, -1], settle: [1, -1, 0],
  release: [0, -1, 1], lapse: [0, 0, -1], revoke: [0, 0, -1],
};
const prove = document.getElementById("prove");
const said = document.getElementById("proved");

async function* linesOf(file) {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = file.stream().getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop();
    yield* lines;
    if (done) break;
  }
  if (rest) yield rest;
}

async function link(before, text) {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(before + text));
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function checked(raw, before, number) {
  const found = /^\{"hash":"([0-9a-f]{64})","line":(.*)\},?$/s.exec(raw);
  if (!found) throw new Error(`Line ${number} is not a line of a statement.`);
  if (await link(before, found[2]) !== found[1]) {
    throw new Error(`Line ${number} is not the one that was written.`);
  }
  return [found[1], JSON.parse(found[2])];
}

function book(sums, line, number) {
  const move = MOVES[line.kind];
  if (!move || !Number.isInteger(line.tenths) || line.tenths < 0) {
    throw new Error(`Line ${number} is not an entry.`);
  }
  ["used", "held", "left"].forEach((name, at) => { sums[name] += move[at] * line.tenths; });
  sums[line.kind] = (sums[line.kind] ?? 0) + line.tenths;
  sums.entries += 1;
  if (sums.left !== line.left_tenths) {
    throw new Error(`Line ${number}: ${sums.left} tenths are left, not as stated.`);
  }
}

function isClosing(line, sums) {
  const expected = {
    entries: sums.entries, granted_tenths: sums.grant ?? 0, used_tenths: sums.used,
    held_tenths: sums.held, lapsed_tenths: sums.lapse ?? 0,
    revoked_tenths: sums.revoke ?? 0, left_tenths: sums.left,
  };
  return Object.entries(expected).every(([name, value]) => line[name] === value);
}

async function proof(file) {
  const sums = { entries: 0, used: 0, held: 0, left: 0 };
  let [number, before, closed, ended] = [-1, "0".repeat(64), false, false];
  for await (const raw of linesOf(file)) {
    number += 1;
    if (number === 0) {
      if (raw !== HEAD) throw new Error("This is not a statement of this product.");
    } else if (ended) {
      if (raw.trim()) throw new Error("There is more after the end.");
    } else if (raw === "]}") {
      ended = true;
    } else if (closed) {
      throw new Error(`Line ${number}: there is more after the closing.`);
    } else {
      const [hash, line] = await checked(raw, before, number);
      before = hash;
      if (number === 1 && line.type !== "opening") throw new Error("The opening is missing.");
      closed = line.type === "closing";
      if (closed && !isClosing(line, sums)) {
        throw new Error("The closing is not what the entries come to.");
      }
      if (!closed && number > 1) book(sums, line, number);
      if (number % 5000 === 0) said.textContent = `${number.toLocaleString("en")} lines read …`;
    }
  }
  if (!ended || !closed) throw new Error("The statement is cut off.");
  return { entries: sums.entries, tail: before };
}

prove.hidden = !crypto.subtle;
prove.querySelector("input").addEventListener("change", async ({ target }) => {
  const [file] = target.files;
  if (!file) return;
  said.className = "state";
  said.textContent = "Reading …";
  try {
    const { entries, tail } = await proof(file);
    const wanted = prove.dataset.tail;
    if (wanted && wanted !== tail) {
      throw new Error(
        `The file is whole, but it is not this statement: it closes with ${tail}.`
      );
    }
    said.className = "state ok";
    const count = entries.toLocaleString("en");
    said.textContent =
      `Proved: ${count} entries, each as it was written, and they add up.`;
  } catch (broken) {
    said.className = "state bad";
    const unreadable = broken instanceof TypeError || broken instanceof SyntaxError;
    said.textContent = unreadable
      ? "This file cannot be read as a statement."
      : broken.message;
  }
});
