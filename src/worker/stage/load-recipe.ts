// Imports a recipe's module: TypeScript or JavaScript, wherever it lies. A recipe is code and runs as such.
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import * as nodeModule from "node:module";
import { basename } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { messageOf, UsageError } from "../../core/errors.js";
import type { RecipeClass } from "../../core/recipe.js";
import type { hooksInThread, RecipeUrls } from "./recipe-hooks.js";

/** A recipe's class and the name under which checkpoints and the summary know it. */
export interface LoadedRecipe {
  readonly Recipe: RecipeClass;
  readonly name: string;
  /** SHA-256 of its file; null for a built-in one. */
  readonly source: string | null;
}

/**
 * Loads the class that the module at `path` exports as default; null means the built-in MNIST recipe.
 * @throws UsageError naming the file when it is missing, does not load, or exports something else.
 */
export async function loadRecipe(path: string | null): Promise<LoadedRecipe> {
  if (path === null) {
    const { MnistRecipe } = await import("../../recipes/mnist.js");
    return { Recipe: MnistRecipe, name: "mnist", source: null };
  }
  if (!existsSync(path)) throw new UsageError(`--recipe: there is no file ${path}`);
  await registerRecipeHooks({
    recipe: pathToFileURL(path).href,
    index: new URL("../../index.js", import.meta.url).href,
    here: import.meta.url,
  });
  // Lines of a recipe in TypeScript are told as they were written.
  process.setSourceMapsEnabled(true);
  let module: { readonly default?: unknown };
  try {
    module = await import(pathToFileURL(path).href);
  } catch (error) {
    const fault = error instanceof SyntaxError ? (await import("./recipe-hooks.js")).syntaxFault(path) : null;
    throw new UsageError(`the recipe ${path} does not load: ${fault ?? reasonOf(error)}`);
  }
  if (typeof module.default !== "function") {
    const found = Object.keys(module).join(", ") || "nothing";
    throw new UsageError(
      `the recipe ${path} exports ${found}; it wants "export default class MyRecipe extends Recipe { ... }"`,
    );
  }
  const source = createHash("sha256").update(readFileSync(path)).digest("hex");
  return { Recipe: module.default as RecipeClass, name: basename(path).replace(/\.[^.]+$/, ""), source };
}

type InThread = (hooks: ReturnType<typeof hooksInThread>) => unknown;

/** By `registerHooks` where Node has it (22.15 and newer): there `register` is going away, and warns. */
async function registerRecipeHooks(urls: RecipeUrls): Promise<void> {
  const { registerHooks } = nodeModule as { readonly registerHooks?: InThread };
  if (registerHooks) registerHooks((await import("./recipe-hooks.js")).hooksInThread(urls));
  else nodeModule.register(new URL("./recipe-hooks.js", import.meta.url), { data: urls });
}

/** Frames of a stack that are told: where it broke, and who called that. */
const FRAMES = 3;

/** The message, and where in the user's own files it comes from. */
function reasonOf(error: unknown): string {
  const places = error instanceof Error ? placesOf(error) : [];
  const where = places.length === 0 ? "" : ` (at ${places.slice(0, FRAMES).join(", called at ")})`;
  return `${messageOf(error)}${where}`.replace(/\s+/g, " ");
}

/** `/path/recipe.ts:3:14`, innermost first; what is not the user's is left out. */
function placesOf({ stack = "" }: Error): string[] {
  const own = (place: string) => !/node_modules|^node:/.test(place) && !place.startsWith(HERE);
  // A file that does not parse stands alone on the first line, without a column.
  const [, unparsed] = /^(file:\/\/\S+:\d+)$/m.exec(stack) ?? [];
  const frames = [...stack.matchAll(/^\s+at (?:.*\()?(file:\/\/\S+?:\d+:\d+|\/\S+?:\d+:\d+)\)?$/gm)].map(
    ([, place]) => place,
  );
  return [...(unparsed ? [unparsed] : []), ...frames]
    .map((place) => place.replace(/^file:\/\//, ""))
    .filter(own);
}

/** Where this program lies. */
const HERE = fileURLToPath(new URL("../../", import.meta.url));
