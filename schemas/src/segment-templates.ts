import type { SegmentDefinition } from './segment-definition.ts'

export interface SegmentTemplate {
  /** Stable: what else refers to the template by. */
  readonly key: 'bought-lately' | 'viewed-never-bought' | 'top-spenders'
  readonly name: string
  readonly about: string
  readonly definition: SegmentDefinition
}

export interface ShopMetrics {
  readonly orderMetric: string
  readonly viewMetric: string
  /** From which sum of all orders on somebody is a top spender, in the currency of the orders. */
  readonly spendMin: number
}

export const usualShop: ShopMetrics = Object.freeze({ orderMetric: 'Order Completed', viewMetric: 'Product Viewed', spendMin: 1_000 })

/** Ready-made segments of a shop that names its metrics so. */
export function segmentTemplates({ orderMetric, viewMetric, spendMin }: ShopMetrics = usualShop): readonly SegmentTemplate[] {
  const ordered = (timeframe: { readonly type: 'all-time' } | { readonly type: 'in-the-last'; readonly quantity: number; readonly unit: 'day' }): SegmentDefinition => ({
    type: 'profile-metric', metric: orderMetric, measurement: 'count', operator: 'greater-than-or-equal', value: 1, timeframe, filters: [],
  })
  const viewed: SegmentDefinition = {
    type: 'profile-metric', metric: viewMetric, measurement: 'count', operator: 'greater-than-or-equal', value: 1, timeframe: { type: 'all-time' }, filters: [],
  }
  // Shops name an order's amount in one of three ways, the names that the column `value` of the events is read from.
  const spent = ['value', 'revenue', 'total'].map((property): SegmentDefinition => ({
    type: 'profile-metric', metric: orderMetric, measurement: 'sum', property, operator: 'greater-than-or-equal', value: spendMin,
    timeframe: { type: 'all-time' }, filters: [],
  }))
  return [
    {
      key: 'bought-lately', name: 'Bought in the last 30 days', about: 'at least one order within 30 days',
      definition: ordered({ type: 'in-the-last', quantity: 30, unit: 'day' }),
    },
    {
      key: 'viewed-never-bought', name: 'Viewed and never bought', about: 'looked at a product at least once, and has no order',
      definition: { and: [viewed, { not: ordered({ type: 'all-time' }) }] },
    },
    {
      key: 'top-spenders', name: 'Top spenders', about: `orders of together at least ${spendMin}`,
      definition: { or: spent },
    },
  ]
}
