// What a worker finds in its environment, and in which folder its sockets are.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { placeOf, topologyOf } from "../../../src/core/topology.js";
import { openSocketFolder } from "../../../src/launcher/processes/socket-folder.js";
import { probeEnv, workerEnv } from "../../../src/launcher/processes/worker-env.js";

const place = placeOf(topologyOf([4, 4]), 5);

test("a worker knows its rank, and keeps the parent's environment", () => {
  const env = workerEnv({ PATH: "/bin", RANK: "77" }, place, "wasm");
  assert.equal(env.PATH, "/bin");
  assert.deepEqual([env.RANK, env.LOCAL_RANK, env.WORLD_SIZE, env.LOCAL_WORLD_SIZE], ["5", "1", "8", "4"]);
  assert.deepEqual([env.GROUP_RANK, env.GROUP_WORLD_SIZE, env.NODE_RANK], ["1", "2", "1"]);
});

test("with engine cuda a worker sees its own GPU alone", () => {
  const visible = (list?: string) =>
    workerEnv(list === undefined ? {} : { CUDA_VISIBLE_DEVICES: list }, place, "cuda").CUDA_VISIBLE_DEVICES;
  assert.equal(visible(), "1");
  assert.equal(visible("3,7"), "7");
  assert.equal(visible("GPU-aa, GPU-bb"), "GPU-bb");
  assert.equal(visible("3"), "");
  const env = workerEnv({}, place, "cuda");
  assert.equal(env.CUDA_DEVICE_ORDER, "PCI_BUS_ID");
  assert.equal(env.TF_FORCE_GPU_ALLOW_GROWTH, "true");
});

test("with any other engine a worker sees no GPU", () => {
  for (const engine of ["native", "wasm", "cpu"] as const) {
    assert.equal(workerEnv({ CUDA_VISIBLE_DEVICES: "0,1" }, place, engine).CUDA_VISIBLE_DEVICES, "");
  }
});

test("TensorFlow is quiet unless the caller wants to hear it", () => {
  assert.equal(workerEnv({}, place, "native").TF_CPP_MIN_LOG_LEVEL, "2");
  assert.equal(workerEnv({ TF_CPP_MIN_LOG_LEVEL: "0" }, place, "native").TF_CPP_MIN_LOG_LEVEL, "0");
});

test("a probe sees the GPUs only where they are wanted", () => {
  const parent = { CUDA_VISIBLE_DEVICES: "2,3" };
  assert.equal(probeEnv(parent, "auto").CUDA_VISIBLE_DEVICES, "2,3");
  assert.equal(probeEnv(parent, "cuda").CUDA_VISIBLE_DEVICES, "2,3");
  assert.equal(probeEnv(parent, "native").CUDA_VISIBLE_DEVICES, "");
  assert.ok(!("CUDA_VISIBLE_DEVICES" in probeEnv({}, "auto")));
});

test("sockets are in a private folder that goes away", () => {
  const sockets = openSocketFolder(3);
  const folder = dirname(sockets.endpoints[0].slice("ipc://".length));
  assert.deepEqual(
    sockets.endpoints,
    [0, 1, 2].map((rank) => `ipc://${folder}/${rank}`),
  );
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.match(sockets.token, /^[0-9a-f]{32}$/);
  assert.notEqual(sockets.token, openAndRemove());
  sockets.remove();
  assert.ok(!existsSync(folder));
});

test("a temporary folder too deep for a unix socket is passed over", () => {
  const parent = mkdtempSync(join(tmpdir(), "deep-"));
  const deep = join(parent, "x".repeat(100));
  mkdirSync(deep);
  const sockets = openSocketFolder(2, deep);
  try {
    assert.match(sockets.endpoints[1], /^ipc:\/\/\/tmp\/ddp-\w{6}\/1$/);
  } finally {
    sockets.remove();
    rmSync(parent, { recursive: true });
  }
});

function openAndRemove(): string {
  const sockets = openSocketFolder(1);
  sockets.remove();
  return sockets.token;
}
