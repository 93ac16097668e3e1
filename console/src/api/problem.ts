import type { I18nT } from '@/i18n'

export interface FieldError {
  where: string
  message: string
}

interface ProblemBody {
  status?: number
  code?: string
  title?: string
  detail?: string
  where?: string
  request_id?: string
  params?: Record<string, unknown>
  errors?: { where?: string; detail?: string; title?: string; message?: string }[]
}

/** What the server refused (RFC 9457), or that it could not be reached. `message` is in the reader's language. */
export class Problem extends Error {
  readonly status: number
  readonly code: string
  readonly requestId: string
  readonly params: Record<string, unknown>
  /** The whole path of what is wrong, as `mapping/amount2`. */
  readonly where: string
  readonly fields: FieldError[]

  constructor(body: ProblemBody, status: number) {
    super(body.detail || body.title || `HTTP ${status}`)
    this.status = status
    this.code = body.code ?? `http.${status}`
    this.requestId = body.request_id ?? ''
    this.params = body.params ?? {}
    this.where = body.where ?? ''
    this.fields = (body.errors ?? []).map((one) => ({
      where: lastPart(one.where ?? ''),
      message: one.detail || one.message || one.title || this.message,
    }))
    if (body.where && !this.fields.length) this.fields = [{ where: lastPart(body.where), message: this.message }]
  }

  static async of(response: Response): Promise<Problem> {
    return new Problem(await readBody(response), response.status)
  }

  static offline(t: I18nT): Problem {
    return new Problem({ code: 'client.offline', title: t('common.error.offline') }, 0)
  }
}

function lastPart(where: string): string {
  return where.split('/').at(-1) ?? ''
}

async function readBody(response: Response): Promise<ProblemBody> {
  try {
    const body: unknown = await response.clone().json()
    return typeof body === 'object' && body !== null ? body : {}
  } catch {
    return {}
  }
}
