// Groups leave no file descriptor behind, however they end.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { connectProcessGroup } from "../../../src/allreduce/open-group.js";
import { endpointsIn, rejections, withFolder, withRing } from "../../support/ring.js";

const FOLDER = "/proc/self/fd";
const skip = existsSync(FOLDER) ? false : "this system does not list a process's descriptors";
const DEADLINE_MS = 20_000;

function descriptors(): string[] {
  return readdirSync(FOLDER).flatMap((name) => {
    try {
      return [readlinkSync(`${FOLDER}/${name}`)];
    } catch {
      // The one that listed the folder.
      return [];
    }
  });
}

const isMemory = (path: string) => path.startsWith("/dev/shm/ddp-");

/** Sockets are closed by a thread of zeromq's, a moment later. */
async function untilAtMost(count: number): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (descriptors().length > count) {
    assert.ok(performance.now() < deadline, `${descriptors().length} descriptors, not ${count}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("groups and subgroups that are opened and closed leave no descriptor", { skip }, async () => {
  const once = () =>
    withRing(3, async (groups) => {
      const pairs = await Promise.all(groups.map((group) => group.subgroup([0, 2])));
      assert.equal(descriptors().filter(isMemory).length, 9 + 4);
      await Promise.all(pairs.map((pair) => pair?.close()));
      assert.equal(descriptors().filter(isMemory).length, 9);
      await Promise.all(groups.map((group) => group.subgroup([0, 1])));
    });
  // What zeromq opens once stays.
  await once();
  assert.deepEqual(descriptors().filter(isMemory), []);
  const before = descriptors().length;
  for (let round = 0; round < 5; round++) await once();
  await untilAtMost(before);
});

test("nor does a group that fails, or never comes about", { skip }, async () => {
  const fail = () =>
    withRing(2, async ([zero, one]) => {
      await rejections([zero.barrier(), one.allReduce(new Float32Array(5), "sum")]);
      assert.deepEqual(descriptors().filter(isMemory), []);
    });
  const alone = () =>
    withFolder((folder) =>
      assert.rejects(
        connectProcessGroup({
          rank: 0,
          worldSize: 2,
          endpoints: endpointsIn(folder, 2),
          token: "secret",
          timeoutSeconds: 0.05,
        }),
      ),
    );
  await fail();
  await alone();
  assert.deepEqual(descriptors().filter(isMemory), []);
  const before = descriptors().length;
  for (let round = 0; round < 5; round++) {
    await fail();
    await alone();
  }
  await untilAtMost(before);
});
