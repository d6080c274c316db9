import jsep from "jsep";

const CONSTANTS: Readonly<Record<string, number>> = {
  pi: Math.PI,
  e: Math.E,
  tau: 2 * Math.PI,
};

const FUNCTIONS: Readonly<Record<string, (...values: number[]) => number>> = {
  abs: Math.abs,
  ceil: Math.ceil,
  cos: Math.cos,
  exp: Math.exp,
  floor: Math.floor,
  ln: Math.log,
  log10: Math.log10,
  log2: Math.log2,
  max: Math.max,
  min: Math.min,
  round: Math.round,
  sin: Math.sin,
  sqrt: Math.sqrt,
  tan: Math.tan,
};

const OPERATORS: Readonly<Record<string, (left: number, right: number) => number>> = {
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "/": (left, right) => left / right,
  "%": (left, right) => left % right,
  "**": (left, right) => left ** right,
  "^": (left, right) => left ** right,
};

/** As tight as `**`, and to the right as well: 2^3^2 is 2^9. */
jsep.addBinaryOp("^", 11, true);

/** Brackets leave no trace in the tree, but -2^2 and (-2)^2 differ. */
jsep.hooks.add("gobble-token", function (env) {
  if (this.char !== "(") return;
  env.node = { type: "Group", inner: this.gobbleGroup() };
});

/** Thrown when an expression cannot be computed; says why. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
}

/**
 * Computes an arithmetic expression, such as `2 * (3 + 4) ^ 2 - sqrt(16)`. Nothing of it is run as code.
 * @throws {ExpressionError} when it is not one, or its result is no finite number.
 */
export function calculate(expression: string): number {
  const result = evaluate(parse(expression));
  if (Number.isFinite(result)) return result;
  throw new ExpressionError(`the result is ${result}, not a finite number`);
}

function parse(expression: string): jsep.Expression {
  try {
    return jsep(expression);
  } catch (error) {
    throw new ExpressionError(error instanceof Error ? error.message : String(error));
  }
}

function evaluate(expression: jsep.Expression): number {
  const node = expression as Node;
  switch (node.type) {
    case "Literal":
      return literal(node);
    case "Identifier":
      return constant(node.name);
    case "Group":
      return evaluate(node.inner);
    case "UnaryExpression":
      return unary(node);
    case "BinaryExpression":
      return binary(node);
    case "CallExpression":
      return call(node);
    case "Compound":
      throw new ExpressionError("there must be one expression, with an operator between any two numbers");
    default:
      throw new ExpressionError(
        "only numbers, + - * / % ^, brackets, functions and constants are understood",
      );
  }
}

interface Group extends jsep.Expression {
  type: "Group";
  inner: jsep.Expression;
}

type Node = jsep.CoreExpression | Group;

function literal({ value, raw }: jsep.Literal): number {
  if (typeof value === "number") return value;
  throw new ExpressionError(`${raw} is not a number`);
}

function constant(name: string): number {
  return named(CONSTANTS, name, "constant");
}

function unary({ operator, argument }: jsep.UnaryExpression): number {
  if (operator === "-") return -evaluate(argument);
  if (operator === "+") return evaluate(argument);
  throw new ExpressionError(`the operator ${operator} is not understood`);
}

/** A power binds tighter than the sign before it. */
function binary({ operator, left, right }: jsep.BinaryExpression): number {
  const apply = named(OPERATORS, operator, "operator");
  const isPower = operator === "^" || operator === "**";
  if (isPower && left.type === "UnaryExpression") {
    const signed = left as jsep.UnaryExpression;
    return unary({
      ...signed,
      argument: { type: "BinaryExpression", operator, left: signed.argument, right },
    });
  }
  return apply(evaluate(left), evaluate(right));
}

function call({ callee, arguments: given }: jsep.CallExpression): number {
  if (callee.type !== "Identifier") throw new ExpressionError("only a function can be called");
  return named(FUNCTIONS, (callee as jsep.Identifier).name, "function")(...given.map(evaluate));
}

function named<T>(table: Readonly<Record<string, T>>, name: string, kind: string): T {
  const found = Object.hasOwn(table, name) ? table[name] : undefined;
  if (found !== undefined) return found;
  throw new ExpressionError(`there is no ${kind} ${name}; there are ${Object.keys(table).join(", ")}`);
}
