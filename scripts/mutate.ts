// npm run mutate -- <folder of src>...: changes each folder's sources one small mistake at a time, and lists those that
// the folder's unit tests do not notice. What has not changed since the last time is not run again. See docs/mutation.md.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Fetched when it is first used: 60 MB that no other task needs. Newer ones want Node 22. */
const STRYKER = "@stryker-mutator/core@9.6.1";

const root = fileURLToPath(new URL("..", import.meta.url));
const folders = process.argv.slice(2);
const unknown = folders.find((folder) => !existsSync(join(root, "test/unit", folder)));
if (folders.length === 0 || unknown !== undefined) {
  const what = unknown === undefined ? "which folder?" : `there is no test/unit/${unknown}`;
  console.error(`${what} for example: npm run mutate -- metrics sampler`);
  process.exitCode = 2;
} else {
  for (const folder of folders) {
    const env = {
      ...process.env,
      DDP_MUTATE_FOLDER: folder,
      DDP_MUTATE_TESTS: `test/unit/${folder}/*.test.ts`,
      // The tests run in a copy of the project, from which the golden values would not be found.
      DDP_PARITY_DIR: process.env.DDP_PARITY_DIR ?? join(root, "../shared/parity"),
      DDP_MNIST_DIR: process.env.DDP_MNIST_DIR ?? join(root, "../shared/mnist"),
    };
    const args = ["--yes", STRYKER, "run", "scripts/stryker.config.mjs"];
    const { status } = spawnSync("npx", args, { cwd: root, env, stdio: "inherit" });
    if (status !== 0) process.exitCode = 1;
  }
}
