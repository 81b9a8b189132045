/** What a variable holds in place of the attached file with this number. */
export const placeholder = (number) => `@file:${number}`;

const PLACEHOLDER = /^@file:(\d+)$/;

/**
 * The fetch options as they were, or, where a variable holds "@file:N", the same operation as a GraphQL multipart
 * request with the attached files; throws when no file has that number.
 */
export function withFiles(init, files) {
  const operation = operationOf(init);
  const paths = new Map();
  const variables = takeFiles(operation?.variables, 'variables', paths);
  if (paths.size === 0) return init;

  // GraphQL multipart request specification: "operations", then "map", then the files, in this order.
  const body = new FormData();
  const numbers = [...paths.keys()];
  body.append('operations', JSON.stringify({ ...operation, variables }));
  body.append(
    'map',
    JSON.stringify(Object.fromEntries(numbers.map((number, part) => [part, paths.get(number)]))),
  );
  numbers.forEach((number, part) => {
    const file = files.get(number);
    if (!file) throw new Error(`No file is attached as "${placeholder(number)}".`);
    body.append(String(part), file, file.name);
  });

  const headers = new Headers(init.headers);
  // The browser writes the content type itself, since only it knows the boundary.
  headers.delete('content-type');
  headers.set('apollo-require-preflight', 'true');
  return { ...init, headers, body };
}

function operationOf(init) {
  if (typeof init?.body !== 'string') return undefined;
  try {
    return JSON.parse(init.body);
  } catch {
    return undefined;
  }
}

/** The value with null in place of each file, whose path is added to `paths` under the file's number. */
function takeFiles(value, path, paths) {
  if (typeof value === 'string') {
    const match = PLACEHOLDER.exec(value);
    if (!match) return value;
    const number = Number(match[1]);
    paths.set(number, [...(paths.get(number) ?? []), path]);
    return null;
  }
  if (Array.isArray(value)) return value.map((item, index) => takeFiles(item, `${path}.${index}`, paths));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, takeFiles(item, `${path}.${key}`, paths)]),
  );
}
