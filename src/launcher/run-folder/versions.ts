// The versions that config.json records. Dependencies are pinned to exact versions, so the package's own manifest
// tells them without loading a library into the launcher.
import { readFileSync } from "node:fs";

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** Versions by name: ddp-train, node, tfjs, zeromq. */
export function versions(): Record<string, string> {
  // Two folders up from src/launcher and from dist/launcher alike.
  const url = new URL("../../../package.json", import.meta.url);
  const { version, dependencies } = JSON.parse(readFileSync(url, "utf8")) as Manifest;
  return {
    "ddp-train": version,
    node: process.versions.node,
    tfjs: dependencies["@tensorflow/tfjs-core"],
    zeromq: dependencies.zeromq,
  };
}
