// Broken copies of the all-reduce: src/allreduce and src/core with one place changed, in a folder of their own.
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type * as ring from "../../src/allreduce/algorithms/ring.js";
import type * as shared from "../../src/allreduce/algorithms/shared.js";
import type * as groups from "../../src/allreduce/group.js";
import { withFolder } from "./ring.js";

const SRC = fileURLToPath(new URL("../../src", import.meta.url));

export interface Mutation {
  /** File of src/allreduce. */
  readonly file: string;
  /** A text that is there once, and what stands there instead. */
  readonly from: string;
  readonly to: string;
}

export type Implementation = Pick<typeof groups, "DdpProcessGroup"> &
  Pick<typeof ring, "RingAllReduce"> &
  Pick<typeof shared, "SharedAllReduce">;

/** Gives `body` the implementation with the change made. */
export function withMutant<T>(
  { file, from, to }: Mutation,
  body: (mutant: Implementation) => Promise<T>,
): Promise<T> {
  return withFolder(async (folder) => {
    for (const name of ["allreduce", "core"])
      cpSync(join(SRC, name), join(folder, name), { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    const path = join(folder, "allreduce", file);
    const parts = readFileSync(path, "utf8").split(from);
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} places that say: ${from}`);
    writeFileSync(path, parts.join(to));
    const load = (name: string) => import(pathToFileURL(join(folder, "allreduce", name)).href);
    const files = ["group.ts", "algorithms/ring.ts", "algorithms/shared.ts"];
    return await body(Object.assign({}, ...(await Promise.all(files.map(load)))) as Implementation);
  });
}
