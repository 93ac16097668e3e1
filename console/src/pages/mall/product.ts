import type { Schema } from '@/api/types'

export interface Axis {
  name: string
  values: string[]
}

/** A row of the table of combinations; `stock_was` is what the server said, for rows that it knows. */
export interface SkuRow {
  values: string[]
  price_fen: number | null
  stock: number | null
  stock_was?: number
  code: string
}

export interface PictureRef {
  picture: string
  url: string
}

export interface ProductForm {
  title: string
  description: string
  pictures: PictureRef[]
  specs: Axis[]
  skus: SkuRow[]
  /** Of what was read; empty for a new product. */
  version: string
}

export function emptyProduct(): ProductForm {
  return { title: '', description: '', pictures: [], specs: [], skus: [newRow([])], version: '' }
}

export function formOf(known: Schema<'Product'>): ProductForm {
  return {
    title: known.title,
    description: known.description,
    pictures: known.pictures.map((one) => ({ ...one })),
    specs: known.specs.map((axis) => ({ name: axis.name, values: [...axis.values] })),
    skus: known.skus.map((sku) => ({
      values: [...sku.values],
      price_fen: sku.price_fen,
      stock: sku.stock,
      stock_was: sku.stock,
      code: sku.code,
    })),
    version: known.version,
  }
}

function newRow(values: string[]): SkuRow {
  return { values, price_fen: null, stock: null, code: '' }
}

/** Every combination of the axes that have values, in their order. */
export function combinations(specs: Axis[]): string[][] {
  return specs
    .filter((axis) => axis.values.length)
    .reduce<string[][]>((rows, axis) => rows.flatMap((row) => axis.values.map((value) => [...row, value])), [[]])
}

/** The rows for these axes: what was typed for a combination stays with it. */
export function matrix(specs: Axis[], before: SkuRow[]): SkuRow[] {
  const known = new Map(before.map((row) => [row.values.join('\n'), row]))
  return combinations(specs).map((values) => known.get(values.join('\n')) ?? newRow(values))
}

/** The body that saves the form. */
export function bodyOf(form: ProductForm) {
  return {
    title: form.title.trim(),
    description: form.description.trim(),
    pictures: form.pictures.map((one) => one.picture),
    specs: form.specs.map((axis) => ({ name: axis.name.trim(), values: axis.values })),
    skus: form.skus.map((row) => ({
      values: row.values,
      price_fen: row.price_fen ?? 0,
      stock: row.stock ?? 0,
      stock_was: row.stock_was ?? null,
      code: row.code.trim(),
    })),
  }
}
