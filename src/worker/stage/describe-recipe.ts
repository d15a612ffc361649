// What options a recipe declares. Runs in a throw-away process, since a recipe is code.
import { checkRecipeOptions } from "../../core/options/recipe-options.js";
import type { OptionRows } from "../../core/options/row.js";
import { loadEngine } from "../../engine/load.js";
import { tf } from "../../engine/tf.js";
import { loadRecipe } from "./load-recipe.js";

/**
 * The recipe's own options, or null when it declares none.
 * @throws UsageError when it does not load, or declares what no option can be.
 */
export async function describeRecipe(path: string): Promise<OptionRows | null> {
  // A recipe may make tensors while it loads.
  if (tf.engine().backendName === undefined) await loadEngine("cpu");
  const { Recipe } = await loadRecipe(path);
  return Recipe.options === undefined ? null : checkRecipeOptions(Recipe.options);
}
