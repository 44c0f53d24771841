/** What a file holds: an order on one or several rows, a person a row, an event a row. */
export const importKinds = Object.freeze(['orders', 'customers', 'events'] as const)
export type ImportKind = (typeof importKinds)[number]

/** What a column can be beside `item.NAME`, `property.NAME` and `ignore`. */
export const importFields = Object.freeze([
  'userId', 'anonymousId', 'email', 'phone', 'time', 'orderId', 'value', 'currency', 'status', 'event', 'messageId', 'properties',
] as const)
export type ImportField = (typeof importFields)[number]

/**
 * Column names as Shopify, WooCommerce, Klaviyo and common exports write them, without case, spaces and signs, by what they
 * mean; the first that a file has wins.
 */
export const knownNames: Readonly<Record<ImportField, readonly string[]>> = {
  userId: ['userid', 'customerid', 'externalid', 'customernumber', 'customerexternalid', 'customeruserid'],
  anonymousId: ['anonymousid', 'visitorid'],
  email: ['email', 'emailaddress', 'customeremail', 'emailbilling', 'billingemail', 'useremail', 'mail'],
  phone: ['phone', 'phonenumber', 'billingphone', 'phonebilling', 'customerphone', 'shippingphone'],
  time: [
    'createdat', 'orderdate', 'invoicedate', 'datecreatedgmt', 'datecreated', 'orderdatetime', 'processedat', 'paidat', 'timestamp', 'eventdatetime',
    'eventtime', 'time', 'datetime', 'date', 'occurredat', 'updatedat', 'profilecreatedon', 'dateadded', 'customersince',
  ],
  orderId: ['orderid', 'ordernumber', 'orderno', 'ordername', 'invoiceno', 'invoiceid', 'invoicenumber', 'invoice', 'order'],
  value: ['total', 'ordertotal', 'ordertotalamount', 'totalprice', 'grandtotal', 'revenue', 'value', 'amount'],
  currency: ['currency', 'ordercurrency', 'currencycode'],
  status: ['financialstatus', 'orderstatus', 'status'],
  event: ['event', 'eventname', 'metric', 'metricname'],
  messageId: ['messageid', 'eventid', 'uuid'],
  properties: ['properties', 'eventproperties'],
}

/** Columns of an order's line. */
export const knownItemNames: Readonly<Record<string, readonly string[]>> = {
  product_id: ['productid', 'stockcode', 'lineitemproductid', 'itemid'],
  sku: ['lineitemsku', 'sku', 'itemsku', 'productsku'],
  name: ['lineitemname', 'itemname', 'productname', 'description', 'itemtitle'],
  variant_id: ['variantid', 'lineitemvariantid'],
  quantity: ['lineitemquantity', 'quantity', 'qty', 'quantityrefund', 'itemquantity', 'qtyordered'],
  price: ['lineitemprice', 'itemcost', 'price', 'unitprice', 'itemprice'],
}

export function normalisedName(column: string): string {
  return column.normalize('NFKC').toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '')
}

/** `Shipping City` as `shipping_city`: the form that segments and other events use. */
export function propertyName(column: string): string {
  const name = column.normalize('NFKC').trim().replaceAll(/([\p{Ll}\p{N}])(\p{Lu})/gu, '$1_$2').toLowerCase()
  return name.replaceAll(/[^\p{L}\p{N}]+/gu, '_').replaceAll(/^_+|_+$/g, '').slice(0, 100) || 'column'
}

/** Where a file comes from, by columns that only this source has: part of every made message id. */
export function sourceOf(names: ReadonlySet<string>): string {
  if (names.has('lineitemname') || names.has('acceptsemailmarketing') || names.has('financialstatus')) return 'shopify'
  if (names.has('klaviyoid')) return 'klaviyo'
  if (names.has('emailbilling') || names.has('ordertotalamount')) return 'woocommerce'
  return 'import'
}
