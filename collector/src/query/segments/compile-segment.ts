import { limits, type ProfileMetric, type ProfileProperty, type PropertyFilter, type SegmentDefinition, segmentLimits } from '@millrace/schemas'
import { compileFilter, comparison, type FilterContext, isMissing, isNumber, rawProperty } from './compile-filter.ts'
import { compileEventRange, compileEventWindow } from './compile-window.ts'
import { evaluateSegment } from './evaluate-segment.ts'
import { necessaryTexts } from './necessary-texts.ts'
import { amountOf, amountScale } from './property-value.ts'
import { SqlParameters, type ParameterValue } from './sql-parameters.ts'
import { ValueStages } from './value-stages.ts'
import type { Zone } from './zone.ts'

/** What is counted: a workspace's data up to a position. */
export interface DataScope {
  readonly workspace: number
  /** Of the events table. */
  readonly generation: number
  /** The last batch of each partition that counts. */
  readonly batches: readonly number[]
  /** Whose days and months windows go by. */
  readonly zone: Zone
}

export interface SegmentQuestion {
  readonly definition: SegmentDefinition
  /** Epoch milliseconds. */
  readonly at: number
}

export interface CompiledStatement {
  readonly sql: string
  readonly params: Readonly<Record<string, ParameterValue>>
}

/**
 * One statement that says for every profile of the scope whether it is a member: rows of `profile_id` and, for the
 * first question, `a0`, for the second `a1`, and so on; who is in no row is no member. All questions share one scan.
 *
 * Events are added up by their identifier, which is in the order of the table; then each identifier's share goes to the
 * profile that it points at in the scope. Who is in `identifier` is a profile, also without any event; where such a profile
 * is no member of anything asked, only identifiers with an event that matters are looked up, which are few of all.
 */
export function compileSegments(questions: readonly SegmentQuestion[], scope: DataScope): CompiledStatement {
  const compiler = new Compiler(scope)
  const answers = questions.map(({ definition, at }, index) => `toUInt8(${compiler.tree(definition, at)}) AS a${index}`)
  const needEvents = questions.every(({ definition, at }) => !evaluateSegment(definition, { events: [], properties: {} }, { at, zone: scope.zone }).answer)
  return { sql: `SELECT profile_id, ${answers.join(', ')} FROM (${compiler.profiles(needEvents)})`, params: compiler.parameters.values() }
}

function naming(stages: ValueStages): FilterContext['name'] {
  return (expression, what) => stages.bind(expression, what === 'value' ? 1 : 2)
}

/** A column that events are added up in: how, and how shares of several identifiers go together. */
interface Column {
  readonly name: string
  readonly ofEvents: string
  readonly nothing: string
  readonly together: 'sum' | 'max'
  /** Which events it needs: a condition on the order and the parts of the table. */
  readonly range: string
}

class Compiler {
  readonly parameters = new SqlParameters()
  readonly #scope: DataScope
  readonly #columns = new Map<string, Column>()
  readonly #ofEvents = new ValueStages('v')
  readonly #ofProfiles = new ValueStages('w')

  constructor(scope: DataScope) {
    this.#scope = scope
  }

  tree(node: SegmentDefinition, at: number): string {
    if ('and' in node) return `(${node.and.map((child) => this.tree(child, at)).join(' AND ')})`
    if ('or' in node) return `(${node.or.map((child) => this.tree(child, at)).join(' OR ')})`
    if ('not' in node) return `(NOT ${this.tree(node.not, at)})`
    return node.type === 'profile-metric' ? this.#metric(node, at) : this.#property(node, at)
  }

  /** Rows of `profile_id` and all columns that the trees asked for; with `needEvents` only of profiles with an event that one of them needs. */
  profiles(needEvents: boolean): string {
    const together = this.#list(({ name, together: how }) => `${how}(share.${name})`)
    const workspace = this.parameters.add('UInt32', this.#scope.workspace)
    const loaded = `workspace = ${workspace} AND batch <= ${this.parameters.add('Array(UInt64)', this.#scope.batches)}[partition + 1]`
    const ranges = [...new Set([...this.#columns.values()].map(({ range }) => `(${range})`))]
    const events = `SELECT * FROM event_g${this.#scope.generation} WHERE ${loaded} AND (${ranges.join(' OR ')})`
    const ofEvents = `SELECT identifier_key, max(event.profile_id) AS pointed, 0 AS version${this.#list(({ ofEvents: sum }) => sum)}` +
      ` FROM (${this.#ofEvents.wrap(events)}) AS event GROUP BY identifier_key`
    const shares = needEvents ? this.#sharesOfEvents(ofEvents, loaded) : this.#sharesOfAll(ofEvents, { loaded, together })
    return this.#ofProfiles.wrap(`SELECT share.profile AS profile_id${together} FROM (${shares}) AS share GROUP BY share.profile`)
  }

  /** What an event was written with counts only where its identifier is not known yet: version 0. */
  #sharesOfAll(ofEvents: string, { loaded, together }: { readonly loaded: string; readonly together: string }): string {
    return `SELECT share.identifier_key, argMax(share.pointed, share.version) AS profile${together} FROM (` +
      `SELECT identifier_key, profile_id AS pointed, version${this.#list(({ nothing }) => nothing)} FROM identifier WHERE ${loaded}` +
      ` UNION ALL ${ofEvents}) AS share GROUP BY share.identifier_key`
  }

  /** The same from the events' side. All identifiers stream past the few of these, which is a tenth of adding all of them up. */
  #sharesOfEvents(ofEvents: string, loaded: string): string {
    const once = this.#list(({ name }) => `any(own.${name})`)
    return `SELECT own.identifier_key, argMax(if(known.version = 0, own.pointed, known.profile_id), known.version) AS profile${once}` +
      ` FROM (SELECT identifier_key, profile_id, version FROM identifier WHERE ${loaded}) AS known` +
      ` RIGHT JOIN (${ofEvents}) AS own ON known.identifier_key = own.identifier_key GROUP BY own.identifier_key`
  }

  #list(text: (column: Column) => string): string {
    return [...this.#columns.values()].map((column) => `, ${text(column)} AS ${column.name}`).join('')
  }

  #metric(leaf: ProfileMetric, at: number): string {
    const column = this.#metricColumn(leaf, at)
    const threshold = (value: number): string => leaf.measurement === 'count'
      ? this.parameters.add('Float64', value) : this.parameters.add('Int128', String(amountOf(value) ?? 0n))
    if (typeof leaf.value !== 'number') return `(${column} >= ${threshold(leaf.value[0])} AND ${column} <= ${threshold(leaf.value[1])})`
    return `(${column} ${comparison(leaf.operator)} ${threshold(leaf.value)})`
  }

  #metricColumn(leaf: ProfileMetric, at: number): string {
    const { metric, measurement, property = '', timeframe, filters, anyItem } = leaf
    return this.#column(JSON.stringify([at, metric, measurement, property, timeframe, filters, anyItem]), () => {
      const context = { parameters: this.parameters, at, zone: this.#scope.zone, name: naming(this.#ofEvents) }
      const conditions = [
        `metric = ${this.parameters.add('String', metric)}`, compileEventWindow(timeframe, context),
        ...filters.map((filter) => compileFilter(filter, this.#ofEvent(filter.property), context)),
        ...(anyItem === undefined ? [] : [this.#anyItem(anyItem, at)]),
      ].join(' AND ')
      const range = [
        `metric = ${this.parameters.add('String', metric)}`, compileEventRange(timeframe, context), ...this.#necessary([...filters, ...anyItem?.filters ?? []]),
      ].join(' AND ')
      if (measurement === 'count') return { ofEvents: `countIf(${conditions})`, nothing: 'toUInt64(0)', together: 'sum', range }
      const raw = this.#ofEvent(property)
      const number = `JSONExtractFloat(${raw})`
      const amount = `if(${isNumber(raw)} AND abs(${number}) <= ${segmentLimits.amountMax}, toInt128(floor(${number} * ${amountScale} + 0.5)), toInt128(0))`
      return { ofEvents: `sumIf(${amount}, ${conditions})`, nothing: 'toInt128(0)', together: 'sum', range }
    })
  }

  /** Conditions on the whole text of the properties that every event meets which passes the filters. */
  #necessary(filters: readonly PropertyFilter[]): readonly string[] {
    return filters.flatMap((filter) => {
      const texts = necessaryTexts(filter)
      return texts === null ? [] : [`multiSearchAny(properties, ${this.parameters.add('Array(String)', texts)})`]
    })
  }

  /** The JSON text of a property of the event. */
  #ofEvent(property: string): string {
    return this.#ofEvents.bind(rawProperty('properties', property, this.parameters), 0)
  }

  #anyItem({ of, filters }: NonNullable<ProfileMetric['anyItem']>, at: number): string {
    const raw = this.#ofEvent(of)
    const lines = `if(startsWith(${raw}, '['), JSONExtractArrayRaw(${raw}), [${raw}])`
    const context = { parameters: this.parameters, at, zone: this.#scope.zone, name: (expression: string) => expression }
    const properties = [...new Set(filters.map(({ property }) => property))]
    const conditions = ["startsWith(line, '{')", ...filters.map((filter) => compileFilter(filter, `line${properties.indexOf(filter.property)}`, context))]
    const names = ['line', ...properties.map((_, index) => `line${index}`)].join(', ')
    const lists = [lines, ...properties.map((property) => `arrayMap(line -> ${rawProperty('line', property, this.parameters)}, ${lines})`)].join(', ')
    return `arrayExists((${names}) -> ${conditions.join(' AND ')}, ${lists})`
  }

  #property(leaf: ProfileProperty, at: number): string {
    const context = { parameters: this.parameters, at, zone: this.#scope.zone, name: naming(this.#ofProfiles) }
    const own = `${this.#register(leaf.property)}.3`
    const [first = '', ...rest] = leaf.property.split('.')
    if (rest.length === 0) return `(${compileFilter(leaf, this.#ofProfiles.bind(own, 0), context)})`
    const path = `JSONExtractRaw(${[`${this.#register(first)}.3`, ...rest.map((key) => this.parameters.add('String', key))].join(', ')})`
    return `(${compileFilter(leaf, this.#ofProfiles.bind(`if(${isMissing(own)}, ${path}, ${own})`, 0), context)})`
  }

  /** The latest statement about a property as (time, message id, JSON text): what the registers of the OLTP hold. */
  #register(name: string): string {
    return this.#column(JSON.stringify(['register', name]), () => {
      const key = this.parameters.add('String', name)
      const raw = `JSONExtractRaw(properties, ${key})`
      const bytes = `length(${key}) + length(${raw}) <= ${limits.propertyBytesMax}`
      return {
        ofEvents: `maxIf((time, message_id, ${raw}), type = 'identify' AND metric = 'identify' AND ${raw} != '' AND ${bytes})`,
        nothing: "(fromUnixTimestamp64Milli(0, 'UTC'), '', '')", together: 'max', range: "metric = 'identify'",
      }
    })
  }

  #column(key: string, make: () => Omit<Column, 'name'>): string {
    const known = this.#columns.get(key)
    if (known !== undefined) return known.name
    const name = `c${this.#columns.size}`
    this.#columns.set(key, { name, ...make() })
    return name
  }
}
