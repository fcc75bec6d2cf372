/**
 * Writes what the props of the public constructs have to be, from their TypeScript types: `npm run shapes:props`.
 * A test compares the file with what this makes.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import type { Fields, Shape, Shapes } from '../lib/props/shape.ts';

const root = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Where the shapes are kept. */
export const SHAPES_FILE: string = root('lib/props/shapes.ts');

/** A public class or function that takes values from a program. */
export interface PublicCall {
  /** Such as `Pipeline`, `GitSource.remote` or `branchTag`. */
  readonly name: string;
  /** The names of its parameters. */
  readonly parameters: readonly string[];
  /** For a construct: the interface of its props, and their names. */
  readonly construct?: { readonly interface: string; readonly props: readonly string[] };
}

/** What the library's types say. */
export interface Surface {
  readonly calls: readonly PublicCall[];
  readonly shapes: Shapes;
}

/** Reads the public interface with the compiler. */
export function surface(): Surface {
  const reader = new Reader();
  return { calls: reader.calls(), shapes: reader.shapes() };
}

/** The shapes as a module. */
export function shapesModule({ shapes }: Surface): string {
  const table = (entries: Readonly<Record<string, object>>): string[] =>
    Object.entries(entries)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, entry]) => `    ${name}: ${lines(entry)},`);
  const lines = (fields: object): string => {
    const members = Object.entries(fields).map(
      ([field, shape]) => `      ${JSON.stringify(field)}: ${JSON.stringify(shape)},`,
    );
    return ['{', ...members, '    }'].join('\n');
  };
  return [
    '// Made from the types of the props by `npm run shapes:props`.',
    "import type { Shapes } from './shape.ts';",
    '',
    '/** The interfaces of props. */',
    `export type PropsInterface = ${Object.keys(shapes.interfaces)
      .filter((name) => /(Props|Options)$/.test(name))
      .sort()
      .map((name) => `\n  | '${name}'`)
      .join('')};`,
    '',
    '/** What each prop has to be, by the interface that declares it. */',
    'export const SHAPES: Shapes = {',
    '  interfaces: {',
    ...table(shapes.interfaces),
    '  },',
    '  classes: {',
    ...table(shapes.classes),
    '  },',
    '};',
    '',
  ].join('\n');
}

/** What our own interfaces are told apart by from those of the libraries that they use. */
const OWN = root('lib/');

class Reader {
  readonly #checker: ts.TypeChecker;
  readonly #exports: readonly ts.Symbol[];
  readonly #shapes = new Map<string, Fields>();
  readonly #classes = new Map<string, Fields>();

  constructor() {
    const { config } = ts.readConfigFile(root('tsconfig.json'), ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root('.'));
    const index = root('lib/index.ts');
    const program = ts.createProgram([index], { ...options, noEmit: true });
    this.#checker = program.getTypeChecker();
    const module = this.#checker.getSymbolAtLocation(program.getSourceFile(index) as ts.SourceFile);
    this.#exports = this.#checker
      .getExportsOfModule(module as ts.Symbol)
      .map((symbol) =>
        symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol,
      );
  }

  /** Constructors, static methods and functions. */
  calls(): PublicCall[] {
    return this.#exports.flatMap((symbol): PublicCall[] => {
      const type = this.#checker.getTypeOfSymbol(symbol);
      if (symbol.flags & ts.SymbolFlags.Function) {
        return [{ name: symbol.name, parameters: parametersOf(type.getCallSignatures()) }];
      }
      if (!(symbol.flags & ts.SymbolFlags.Class)) return [];
      return [...this.#construction(symbol, type), ...this.#factories(symbol, type)];
    });
  }

  #construction(symbol: ts.Symbol, type: ts.Type): PublicCall[] {
    const declaration = symbol.declarations?.find(ts.isClassDeclaration);
    const hidden = declaration?.members.some(
      (member) =>
        ts.isConstructorDeclaration(member) &&
        (ts.getCombinedModifierFlags(member) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected) ||
          ts.getJSDocTags(member).some(({ tagName }) => tagName.text === 'internal')),
    );
    const abstract = declaration?.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.AbstractKeyword);
    if (declaration === undefined || hidden || abstract) return [];
    const signatures = type.getConstructSignatures();
    const parameters = parametersOf(signatures);
    const last = signatures[0]?.parameters.at(-1);
    const call: PublicCall = { name: symbol.name, parameters };
    const isConstruct = parameters[0] === 'scope' && parameters[1] === 'id' && parameters.length === 3;
    if (last === undefined || !(isConstruct || symbol.name === 'KeelsonApp')) return [call];
    const props = this.#checker.getNonNullableType(this.#checker.getTypeOfSymbol(last));
    const names = props.getProperties().map(({ name }) => name);
    return [{ ...call, construct: { interface: props.symbol.name, props: names } }];
  }

  #factories(symbol: ts.Symbol, type: ts.Type): PublicCall[] {
    return type
      .getProperties()
      .filter((member) => member.flags & ts.SymbolFlags.Method && declaredIn(member, OWN))
      .map((member) => ({
        name: `${symbol.name}.${member.name}`,
        parameters: parametersOf(this.#checker.getTypeOfSymbol(member).getCallSignatures()),
      }));
  }

  /** The public interfaces whose name says that they are given, and what they refer to. */
  shapes(): Shapes {
    for (const symbol of this.#exports) {
      if (!(symbol.flags & ts.SymbolFlags.Interface) || !/(Props|Options)$/.test(symbol.name)) continue;
      this.#interface(symbol.name, this.#checker.getDeclaredTypeOfSymbol(symbol));
    }
    return { interfaces: Object.fromEntries(this.#shapes), classes: Object.fromEntries(this.#classes) };
  }

  #interface(name: string, type: ts.Type): Shape {
    if (!this.#shapes.has(name)) {
      this.#shapes.set(name, {});
      this.#shapes.set(name, this.#fields(type));
    }
    return { fieldsOf: name };
  }

  #fields(type: ts.Type): Fields {
    const entries = type.getProperties().map((property): [string, Shape] => {
      const of = this.#checker.getTypeOfSymbol(property);
      const optional = property.flags & ts.SymbolFlags.Optional || includesUndefined(of);
      return [`${property.name}${optional ? '?' : ''}`, this.#shape(of)];
    });
    return Object.fromEntries(entries);
  }

  #shape(type: ts.Type): Shape {
    if (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) return 'anything';
    if (type.flags & ts.TypeFlags.Boolean) return 'flag';
    if (type.isUnion()) return this.#union(type.types);
    return this.#one(type);
  }

  #union(types: readonly ts.Type[]): Shape {
    const given = types.filter(({ flags }) => !(flags & ts.TypeFlags.Undefined));
    const literals = given.flatMap(literalOf);
    const isFlag = literals.includes(true) && literals.includes(false);
    const values = isFlag ? literals.filter((value) => typeof value !== 'boolean') : literals;
    const rest = given.filter((type) => literalOf(type).length === 0).map((type) => this.#one(type));
    const either: Shape[] = [
      ...rest,
      ...(isFlag ? ['flag' as const] : []),
      ...(values.length > 0 ? [{ oneOf: values }] : []),
    ];
    return either.length === 1 ? (either[0] as Shape) : { either };
  }

  #one(type: ts.Type): Shape {
    const { flags } = type;
    if (flags & ts.TypeFlags.Never) return { oneOf: [] };
    if (flags & ts.TypeFlags.StringLike && !type.isStringLiteral()) return 'text';
    if (flags & ts.TypeFlags.NumberLike && !type.isNumberLiteral()) return 'number';
    const literals = literalOf(type);
    if (literals.length > 0) return { oneOf: literals };
    if (this.#checker.isArrayLikeType(type)) {
      return { list: this.#shape(this.#checker.getTypeArguments(type as ts.TypeReference)[0] as ts.Type) };
    }
    if (type.symbol?.name === 'Iterable') return 'iterable';
    const [signature] = type.getCallSignatures();
    if (signature !== undefined) {
      if (signature.parameters.length > 0) return 'function';
      return { returns: this.#shape(signature.getReturnType()) };
    }
    if (type.getConstructSignatures().length > 0) return 'function';
    const index = type.getStringIndexType();
    if (index !== undefined) return { byName: this.#shape(index) };
    return this.#object(type);
  }

  #object(type: ts.Type): Shape {
    const { name, flags } = type.symbol;
    const members = type.getProperties().filter((member) => !isPrivate(member));
    const methods = members.filter((member) => member.flags & ts.SymbolFlags.Method);
    if (flags & ts.SymbolFlags.Class || methods.length > 0) {
      this.#class(name, members, Boolean(flags & ts.SymbolFlags.Class));
      return { like: name };
    }
    return type.isClassOrInterface() ? this.#interface(name, type) : { fields: this.#fields(type) };
  }

  /** The members that tell an instance, and of a class of ours what is in its fields. */
  #class(name: string, members: readonly ts.Symbol[], isClass: boolean): void {
    if (this.#classes.has(name)) return;
    this.#classes.set(name, {});
    const given = members.filter(
      (member) => !member.name.startsWith('__@') && !(member.name in Object.prototype),
    );
    const ours = given.filter((member) => declaredIn(member, OWN) || member.name === 'node');
    const telling = ours.length > 0 ? ours : given;
    // A construct is sound by itself, and what has `problems` tells its own, if it is not one of our values.
    const shallow = telling.some(({ name }) => name === 'node' || (!isClass && name === 'problems'));
    const known = shallow ? telling.filter(({ flags }) => !(flags & ts.SymbolFlags.Optional)) : telling;
    const fields = known.map((member): [string, Shape] => {
      const type = this.#checker.getTypeOfSymbol(member);
      if (member.flags & ts.SymbolFlags.Method) return [member.name, 'function'];
      if (shallow || member.flags & ts.SymbolFlags.Accessor || ours.length === 0)
        return [member.name, 'anything'];
      const optional = member.flags & ts.SymbolFlags.Optional || includesUndefined(type);
      return [`${member.name}${optional ? '?' : ''}`, this.#shape(type)];
    });
    this.#classes.set(name, Object.fromEntries(fields.sort(([one], [other]) => (one < other ? -1 : 1))));
  }
}

function includesUndefined(type: ts.Type): boolean {
  return type.isUnion() && type.types.some(({ flags }) => flags & ts.TypeFlags.Undefined);
}

function literalOf(type: ts.Type): (string | number | boolean | null)[] {
  if (type.flags & ts.TypeFlags.Null) return [null];
  if (type.isStringLiteral() || type.isNumberLiteral()) return [type.value];
  if (type.flags & ts.TypeFlags.BooleanLiteral) {
    return [(type as ts.Type & { intrinsicName: string }).intrinsicName === 'true'];
  }
  return [];
}

function isPrivate(symbol: ts.Symbol): boolean {
  const modifiers = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
  return (
    /^(__)?#/.test(symbol.name) ||
    (symbol.declarations ?? []).some((node) => ts.getCombinedModifierFlags(node) & modifiers)
  );
}

function declaredIn(symbol: ts.Symbol, folder: string): boolean {
  return (symbol.declarations ?? []).some((node) => node.getSourceFile().fileName.startsWith(folder));
}

function parametersOf(signatures: readonly ts.Signature[]): string[] {
  return signatures[0]?.parameters.map(({ name }) => name) ?? [];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(SHAPES_FILE, shapesModule(surface()));
