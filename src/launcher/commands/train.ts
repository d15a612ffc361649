// `ddp-train train`, which may be typed without its name: trains. A recipe of the user's own may have options of its
// own; it is asked for them only when something was typed that is not known, or help.
import { basename } from "node:path";
import { readChosen } from "../../core/options/read.js";
import { OPTIONS } from "../../core/options/table.js";
import { MNIST_OPTIONS } from "../../recipes/mnist-options.js";
import { type LaunchIo, launch } from "../launch.js";
import { describeRecipe } from "../processes/describe.js";
import type { Command, OptionGroup } from "./command.js";
import { lookAhead } from "./parser.js";

export const train: Command = {
  name: "train",
  summary: "Trains a staged recipe on several workers at once, one per GPU or CPU core.",
  options: OPTIONS,
  examples: [
    "ddp-train --workers 2 --epochs 1 --dataset digits",
    "ddp-train --recipe ./my-recipe.ts --logdir logs/first --overwrite",
    "ddp-train --resume logs/first --recipe ./my-recipe.ts",
  ],
  moreOptions: recipeOptions,
  run: async (given, io) => void (await launch(given, io)),
};

async function recipeOptions(argv: readonly string[], io: LaunchIo): Promise<OptionGroup> {
  const { given, unknown, wantsHelp } = lookAhead(argv, [OPTIONS, MNIST_OPTIONS]);
  if (typeof given.recipe !== "string") return { title: "Recipe mnist", rows: MNIST_OPTIONS };
  const { recipe } = readChosen({ recipe: OPTIONS.recipe }, { recipe: given.recipe });
  const isAsked = recipe && (wantsHelp || unknown.length > 0);
  return {
    title: `Recipe ${basename(given.recipe).replace(/\.[^.]+$/, "")}`,
    rows: (isAsked ? await describeRecipe(recipe, io) : null) ?? MNIST_OPTIONS,
  };
}
