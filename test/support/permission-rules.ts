import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type GraphQLSchema, getNamedType, isObjectType, isUnionType } from 'graphql';
import { ROOT } from './documents.ts';

/** A row of spec/security/permissions.md: a field or a route, and what it says under each column. */
export interface Rule {
  /** Such as `Query.files`, or `GET, HEAD /files/:id/content`. */
  readonly name: string;
  readonly needs: string;
  /** `yes`, `–`, or what decides instead, by the column’s name. */
  readonly cells: Readonly<Record<string, string>>;
}

/** The rules of the fields, or those of the routes, as the specification has them. */
export function rulesOf(kind: 'field' | 'route'): Rule[] {
  const lines = readFileSync(join(ROOT, 'spec/security/permissions.md'), 'utf8').split('\n');
  let columns: string[] = [];
  return lines.flatMap((line) => {
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', ''));
    if (cells[1] === 'needs' || cells.length < 5) columns = cells[0] === kind ? cells.slice(2) : [];
    const isRow =
      columns.length > 0 && cells.length === columns.length + 2 && !/^(needs|-+)$/.test(`${cells[1]}`);
    if (!isRow) return [];
    const [name = '', needs = '', ...answers] = cells;
    return [
      { name, needs, cells: Object.fromEntries(columns.map((column, i) => [column, answers[i] ?? ''])) },
    ];
  });
}

/** The object types that somebody with this column’s rights can come to. */
export function typesWithin(schema: GraphQLSchema, rules: readonly Rule[], column: string): Set<string> {
  const refused = new Set(rules.filter(({ cells }) => cells[column] !== 'yes').map(({ name }) => name));
  const reached = new Set<string>();
  const visit = (type: unknown) => {
    if (isUnionType(type)) for (const each of type.getTypes()) visit(each);
    if (!isObjectType(type) || reached.has(type.name)) return;
    reached.add(type.name);
    for (const field of Object.values(type.getFields())) {
      if (!refused.has(`${type.name}.${field.name}`)) visit(getNamedType(field.type));
    }
  };
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  for (const root of roots) visit(root);
  return reached;
}
