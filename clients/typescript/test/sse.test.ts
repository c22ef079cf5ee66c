import assert from "node:assert/strict";
import { test } from "node:test";

import { FrameParser } from "../src/sse.js";

const FRAMES = "retry: 2500\r\nid: 4\r\n\r\n: a comment\nevent: status\ndata: one\ndata:two\nid\n\ndata: \u2028 three\r\rid: 9\ndata\n\n";
const EXPECTED = [
  { id: "", event: "status", data: "one\ntwo" },
  { id: "", event: "message", data: "\u2028 three" },
  { id: "9", event: "message", data: "" },
];

test("frames are read however they are cut", () => {
  for (let size = 1; size <= FRAMES.length; size += 1) {
    const parser = new FrameParser();
    const frames = [];
    for (let start = 0; start < FRAMES.length; start += size) frames.push(...parser.feed(FRAMES.slice(start, start + size)));

    assert.deepEqual(frames, EXPECTED, `in pieces of ${size}`);
    assert.equal(parser.retry, 2500);
  }
});

test("a frame without data has an id all the same", () => {
  const parser = new FrameParser();

  assert.deepEqual(parser.feed("id: 40\n\n"), []);
  assert.equal(parser.id, "40");
});
