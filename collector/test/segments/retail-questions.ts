import type { RetailAnswers } from './retail-orders.ts'

export interface RetailProduct {
  /** The count of a segment, by its definition. */
  readonly count: (definition: unknown) => Promise<number>
  /** One line of tab-separated values. */
  readonly sql: (text: string) => Promise<string>
}

export interface CheckedAnswer {
  readonly question: string
  readonly expected: string
  readonly answered: string
}

const ordered = (part: object): object => ({ type: 'profile-metric', metric: 'Order Completed', measurement: 'count', operator: 'greater-than-or-equal', value: 1, ...part })
const sold = "metric = 'Ordered Product' and JSONExtractString(properties, 'customer') != '' and order_id not like 'C%' and quantity > 0 and properties_number['price'] > 0"

/** What the file says, asked of the product through segments and SQL. */
export async function askRetail(expected: RetailAnswers, product: RetailProduct): Promise<readonly CheckedAnswer[]> {
  const answers: CheckedAnswer[] = []
  const count = async (question: string, definition: unknown, wanted: number): Promise<void> => {
    answers.push({ question: `${question} (segment)`, expected: String(wanted), answered: String(await product.count(definition)) })
  }
  const sql = async (question: string, text: string, wanted: string): Promise<void> => {
    answers.push({ question: `${question} (SQL)`, expected: wanted, answered: await product.sql(text) })
  }
  await count('customers with an order', ordered({}), expected.customers)
  await count('customers by their lines', { type: 'profile-metric', metric: 'Ordered Product', measurement: 'count', operator: 'greater-than', value: 0, filters: [
    { property: 'customer', operator: 'is-set' }, { property: 'order_id', operator: 'not-starts-with', value: 'C' },
    { property: 'quantity', operator: 'greater-than', value: 0 }, { property: 'price', operator: 'greater-than', value: 0 },
  ] }, expected.customers)
  await count('bought once', ordered({ operator: 'equals' }), expected.boughtOnce)
  const [cohort = ''] = expected.firstCohort.keys()
  for (const [month, wanted] of expected.firstCohort) {
    await count(`of ${cohort} active in ${month}`, { and: [ordered({ timeframe: during(cohort) }), ordered({ timeframe: during(month) })] }, wanted)
  }
  await sql('orders and revenue', "select count(), toInt64(sum(value) * 1000) from events where metric = 'Order Completed'", `${expected.orders}\t${expected.revenueThousandths}`)
  await sql('lines', "select count() from events where metric = 'Ordered Product'", String(expected.lines))
  await sql('cancelled', "select count(), toInt64(sum(value) * 1000) from events where metric = 'Ordered Product' and order_id like 'C%' and JSONExtractString(properties, 'customer') != ''",
    `${expected.cancelledLines}\t${expected.cancelledThousandths}`)
  for (const [month, wanted] of expected.revenueByMonth) {
    await sql(`revenue of ${month}`, `select toInt64(sum(value) * 1000) from events where ${sold} and formatDateTime(time, '%Y-%m') = '${month}'`, String(wanted))
  }
  return answers
}

function during(month: string): object {
  const [year = 0, number = 0] = month.split('-').map(Number)
  return { type: 'between', start: `${month}-01`, end: new Date(Date.UTC(year, number, 1)).toISOString() }
}
