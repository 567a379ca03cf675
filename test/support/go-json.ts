/**
 * A type of a Go client: a word, a list `[type]`, or a struct by its JSON names. The client dereferences or asserts a field whose name ends
 * in `!`, and panics without it. Every other field may be absent or null, and then has the zero value of its type.
 */
export type GoType = 'string' | 'int' | 'bool' | readonly GoType[] | { readonly [field: string]: GoType };

const ZERO = { string: '', int: 0, bool: false } as const;

/**
 * The value that a Go client reads from a JSON document: only the fields of its type, with zero values for absent ones.
 * @throws Error for a value of another JSON type than the field's, and for a field that the client dereferences and the document lacks
 */
export function decodeGo(type: GoType, value: unknown, path = '$'): any {
  if (typeof type === 'string') {
    if (value === undefined || value === null) return ZERO[type];
    const fits = type === 'int' ? Number.isSafeInteger(value) : typeof value === (type === 'bool' ? 'boolean' : type);
    if (!fits) throw new Error(`${path} is ${JSON.stringify(value)}, and the client has a Go ${type} for it`);
    return value;
  }
  if (isList(type)) {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) throw new Error(`${path} is no array: ${JSON.stringify(value)}`);
    return value.map((each, i) => decodeGo(type[0]!, each, `${path}[${i}]`));
  }
  if (value === undefined || value === null) return null;
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error(`${path} is no object: ${JSON.stringify(value)}`);
  return Object.fromEntries(
    Object.entries(type).map(([name, field]) => {
      const key = name.replace(/!$/, '');
      const found = (value as Record<string, unknown>)[key];
      if (name !== key && (found === undefined || found === null))
        throw new Error(`${path}.${key} is missing, and the client dereferences it`);
      return [key, decodeGo(field, found, `${path}.${key}`)];
    }),
  );
}

const isList = (type: GoType): type is readonly GoType[] => Array.isArray(type);
