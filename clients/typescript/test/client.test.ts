import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { afterEach, test } from "node:test";

import { AijobsClient, ApiError, type ClientOptions, JobEndedBadly, Unreachable, WaitTimeout } from "../src/index.js";
import { ScriptedServer, breaks, frame, json, stream } from "./server.js";

const PROCESSING: [number, string] = [3, "PROCESSING"];
const SUCCESS: [number, string] = [6, "SUCCESS"];
const HASTE = "retry: 1\n\n";

let server: ScriptedServer | null = null;

async function client(answers: ConstructorParameters<typeof ScriptedServer>[0], options: Partial<ClientOptions> = {}) {
  server = new ScriptedServer(answers);
  const url = await server.started();
  return new AijobsClient({ url, token: "secret", ...options });
}

function received() {
  assert.ok(server);
  return server.received;
}

async function all<T>(things: AsyncIterable<T>): Promise<T[]> {
  const read: T[] = [];
  for await (const thing of things) read.push(thing);
  return read;
}

afterEach(async () => {
  await server?.stopped();
  server = null;
});

test("a submit whose answer is lost is sent again under the same key", async () => {
  const api = await client([breaks, json(503, {}, { "Retry-After": "0" }), json(202, { code: "job_1" })]);

  const job = await api.submit("upscale", { image: "file_1" }, { metadata: { order: "7" } });

  assert.equal(job.code, "job_1");
  const keys = received().map((request) => request.headers["idempotency-key"]);
  assert.equal(keys.length, 3);
  assert.equal(new Set(keys).size, 1);
  assert.deepEqual(JSON.parse(received()[2]?.body ?? ""), {
    model_id: "upscale", params: { image: "file_1" }, metadata: { order: "7" },
  });
});

test("a submit whose answer breaks off is sent again under the same key", async () => {
  const half = (response: ServerResponse) => {
    response.writeHead(202, { "Content-Length": "99" });
    response.write('{"code": ');
    setTimeout(() => response.destroy(), 50);
  };
  const api = await client([half, json(202, { code: "job_1" })]);

  assert.equal((await api.submit("upscale", {})).code, "job_1");
  assert.equal(new Set(received().map((request) => request.headers["idempotency-key"])).size, 1);
  assert.equal(received().length, 2);
});

test("a cancel whose answer is lost is not sent again", async () => {
  const api = await client([breaks]);

  await assert.rejects(api.cancel("job_1"), Unreachable);
  assert.equal(received().length, 1);
});

test("what the API refuses names the fields", async () => {
  const errors = [{ pointer: "/params/image", message: "Is missing." }];
  const api = await client([json(422, { code: "invalid", detail: "Wrong.", errors }, { "X-Request-Id": "req_7" })]);

  await assert.rejects(api.submit("upscale", {}), (error: ApiError) => {
    assert.deepEqual([error.status, error.code, error.requestId], [422, "invalid", "req_7"]);
    assert.match(error.message, /\/params\/image: Is missing\./);
    return true;
  });
});

test("a token that is refused is fetched anew, once", async () => {
  let number = 0;
  const token = async () => `token-${(number += 1)}`;
  const api = await client([json(401, {}), json(200, { code: "job_1" }), json(401, {}), json(401, {})], { token });

  await api.job("job_1");
  await assert.rejects(api.job("job_1"), ApiError);

  const tokens = received().map((request) => request.headers.authorization);
  assert.deepEqual(tokens, ["Bearer token-1", "Bearer token-2", "Bearer token-2", "Bearer token-3"]);
});

test("events come once and in order over broken connections", async () => {
  const api = await client([
    stream([HASTE, frame(1, [0, "DRAFT"]), frame(2, PROCESSING)], "breaks"),
    json(503, {}, { "Retry-After": "0" }),
    stream([HASTE, frame(2, PROCESSING), frame(3, PROCESSING, "progress")]),
    stream([": still here\n\n", frame(4, SUCCESS), frame(5, SUCCESS, "note")]),
  ]);
  const losses: string[] = [];

  const seen: number[] = [];
  for await (const event of api.follow("job_1", { onLost: (error) => losses.push(error.name) })) seen.push(event.seq);

  assert.deepEqual(seen, [1, 2, 3, 4]);
  assert.deepEqual(received().map((request) => request.headers["last-event-id"]), ["0", "2", "2", "3"]);
  assert.equal(losses.length, 3);
});

test("a history that was heard whole ends at once", async () => {
  const api = await client([(response) => void response.writeHead(204).end()]);

  assert.deepEqual(await all(api.follow("job_1", { after: 9 })), []);
});

test("following ends where the job is not to be had", async () => {
  const api = await client([json(404, { code: "not_found", detail: "There is no job job_1." })]);

  await assert.rejects(all(api.follow("job_1")), ApiError);
});

test("following gives up when nobody answers for too long", async () => {
  const api = await client([breaks], { reconnectFor: 300 });

  await assert.rejects(all(api.follow("job_1")), Unreachable);
});

test("following stops when it is told to", async () => {
  const api = await client([stream([frame(1, PROCESSING)], "stays")]);
  const leaving = new AbortController();

  const seen: number[] = [];
  await assert.rejects(async () => {
    for await (const event of api.follow("job_1", { signal: leaving.signal })) {
      seen.push(event.seq);
      leaving.abort(new Error("left"));
    }
  }, /left/);
  assert.deepEqual(seen, [1]);
});

test("the log of all jobs goes on from where it began, though nothing had come", async () => {
  const opening = "retry: 1\nid: 40\n\n";
  const api = await client([stream([opening]), stream([frame(41, PROCESSING)], "stays")]);
  const leaving = new AbortController();

  for await (const entry of api.followAll({ signal: leaving.signal, job_status: ["PROCESSING"] })) {
    assert.equal(entry.id, "41");
    break;
  }

  assert.deepEqual(received().map((request) => request.headers["last-event-id"]), [undefined, "40"]);
  assert.equal(received()[0]?.url, "/api/events?job_status=PROCESSING");
});

test("waiting ends with the job, with its failure, or in time", async () => {
  const done = json(200, { code: "job_1", job_status: 6, job_status_name: "SUCCESS", outputs: [{ url: "u" }] });
  const failed = json(200, { code: "job_1", job_status: 7, job_status_name: "FAILED", error: { message: "broken" } });
  const api = await client([
    stream([frame(1, SUCCESS)]), done, stream([frame(1, [7, "FAILED"])]), failed, stream([frame(1, PROCESSING)], "stays"),
  ]);

  assert.equal((await api.wait("job_1")).outputs[0]?.url, "u");
  await assert.rejects(api.wait("job_1"), (error: JobEndedBadly) => error.message.includes("broken"));
  await assert.rejects(api.wait("job_1", { timeout: 200 }), WaitTimeout);
});

test("lists are read page by page", async () => {
  const api = await client([
    json(200, { data: [{ code: "job_2" }], has_more: true, next_cursor: "c" }),
    json(200, { data: [{ code: "job_1" }], has_more: false }),
  ]);

  const codes = (await all(api.jobs({ status: ["FAILED", "TIMEOUT"] }))).map((job) => job.code);

  assert.deepEqual(codes, ["job_2", "job_1"]);
  assert.equal(received()[1]?.url, "/api/jobs?status=FAILED&status=TIMEOUT&limit=100&cursor=c");
});

test("a file is uploaded with its name", async () => {
  const api = await client([json(201, { code: "file_1" })]);
  const told: number[][] = [];

  const file = await api.upload(new Blob(["hello"]), { name: "note.txt", onProgress: (...of) => told.push(of) });

  assert.equal(file.code, "file_1");
  assert.match(received()[0]?.body ?? "", /filename="note.txt"/);
  assert.deepEqual(told, [[5, 5]]);
});
