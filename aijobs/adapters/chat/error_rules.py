"""What follows from an endpoint's error: the table of vendors' codes and words, in English and Chinese."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from aijobs.adapters.chat.problems import ChatProblem


class ProblemKind(Enum):
    """What follows from an error."""

    NO_CREDIT = auto()
    TOO_LONG = auto()
    FILTERED = auto()
    WRONG_KEY = auto()
    LATER = auto()
    FOR_GOOD = auto()
    UNKNOWN = auto()


def _words(text: str) -> re.Pattern[str]:
    return re.compile("|".join(part.strip() for part in text.strip().splitlines()), re.IGNORECASE)


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


@dataclass(frozen=True)
class Rule:
    """How an error of one kind is known: by its code, or by its words. `statuses`: under which its words count."""

    kind: ProblemKind
    codes: frozenset[str]
    words: re.Pattern[str]
    statuses: Collection[int] = ()


#: The first that fits. Codes are in lower case; 1113, 12xx and 13xx are Zhipu's, 10xx MiniMax's, 30001 SiliconFlow's.
RULES: Final[Sequence[Rule]] = (
    Rule(ProblemKind.TOO_LONG, _codes("request_too_large"), _words("request too large"), {400, 413, 429}),
    Rule(
        ProblemKind.NO_CREDIT,
        _codes(
            """insufficient_quota exceeded_current_quota_error arrearage insufficient_balance insufficient_user_quota
            billing_hard_limit_reached billing_not_active accountoverdueerror account_overdue overdue_payment
            credit_exhausted insufficient_credits insufficient_funds payment_required prepaidbilloverdue
            postpaidbilloverdue quota_not_enough balance_not_enough
            allocationquota.freetieronly 1113 1008 30001"""
        ),
        _words(
            r"""insufficient[ _-]+(?:\w+[ _-]+)?(?:balance|quota|credits?|funds?)
            (?:balance|credits?|quota|funds?)\s+(?:\w+\s+){0,3}(?:insufficient|not enough|too low|exhausted|used up)
            not enough (?:\w+ )?(?:balance|credits?|quota|funds?)|exceeded your current (?:\w+ )?quota
            (?:out of|no|no more|requires? more|add (?:more )?) ?credits?\b|no balance|payment required|spending limit
            free tier [^.]*exhausted
            account (?:is )?(?:in arrears?|overdue|past due)|arrears|overdue[ -]payment|unpaid|billing hard limit
            (?:please )?(?:recharge|top[ -]?up)\b
            欠费|欠缴|余量不足|预扣费|充值|余额(?:不足|不够|为0|已)|账户(?:已)?停(?:机|服)|无可用资源包
            (?:额度|配额|点数|积分|资源包)(?:不足|不够|已用完|已用尽|已耗尽|用尽|用完|耗尽)"""
        ),
        range(400, 600),
    ),
    Rule(
        ProblemKind.TOO_LONG,
        _codes("context_length_exceeded string_above_max_length request_too_large context_window_exceeded 1261 1039"),
        _words(
            r"""maximum context length|context[ _-]?(?:length|window|size)|too many (?:input |prompt )?tokens
            (?:prompt|input|request|message|content)s? (?:is |are )?too (?:long|large)|range of input length
            reduce (?:the )?(?:length|your (?:prompt|input))
            exceeds? (?:the )?(?:\w+ ){0,4}(?:token|context|length) limit
            tokens? (?:\w+ ){0,3}(?:\(\d+\) )?exceeds?|longer than the (?:model|maximum)
            max(?:imum)?[ _](?:input|prompt|seq\w*)[ _](?:length|tokens|characters)|request too large
            (?:超出|超过|超长|大于)[^。]{0,20}(?:长度|上下文|token|字数)
            (?:输入|上下文|长度|prompt|token)[^。]{0,12}(?:超出|超过|超长|过长|超限)"""
        ),
        {400, 413, 422, 500},
    ),
    Rule(
        ProblemKind.FILTERED,
        _codes(
            """content_filter content_policy_violation data_inspection_failed datainspectionfailed content_moderation
            responsibleaipolicyviolation sensitive_words_detected 1301 1026 1027"""
        ),
        _words(
            r"""content[ _](?:filter|policy|moderation)|moderation|inappropriate|safety (?:system|filter|settings)
            harmful|violat\w+ [^.]{0,30}polic|敏感|违规|不安全|安全审核|内容审核|不合规|风控"""
        ),
        {400, 403, 422, 451},
    ),
    Rule(
        ProblemKind.WRONG_KEY,
        _codes("invalid_api_key authentication_error invalid_authentication_error invalidapikey permission_error 1004"),
        _words(
            r"""(?:invalid|incorrect|wrong|expired|missing|no)\s+(?:\w+\s+)?(?:api[ _-]?key|credentials?)
            unauthori[sz]ed|authentication|api[ _-]?key (?:is )?(?:not valid|invalid)|invalid token|无效的?(?:令牌|密钥)
            (?:令牌|密钥|鉴权|身份验证|认证)[^。]{0,8}(?:无效|失败|错误|过期)|未授权"""
        ),
    ),
    Rule(
        ProblemKind.LATER,
        _codes(
            """rate_limit_exceeded rate_limit_error rate_limit_reached_error ratelimitexceeded too_many_requests
            throttling throttling.ratequota requests_limit_exceeded overloaded_error engine_overloaded_error
            engine_overloaded service_unavailable_error resource_exhausted serveroverloaded modeloverloaded
            1302 1303 1305 1002 18"""
        ),
        _words(
            r"""rate[ _-]?limit|too many requests|requests? per (?:minute|second|day)|tokens per min|throttl|\b[rt]pm\b
            concurren\w+ (?:limit|requests?)|频率|过于频繁|限流|速率限制|请求过多|并发|稍后(?:再试|重试)"""
        ),
    ),
    Rule(ProblemKind.FOR_GOOD, _codes(""), _words("not support (?:images|image input)"), range(500, 600)),
    Rule(
        ProblemKind.FOR_GOOD,
        _codes(
            """invalid_request_error invalid_parameter invalidparameter model_not_found not_found_error badrequesterror
            invalid_argument unsupported_parameter invalid_value 1211 1210 1214 2013"""
        ),
        _words(
            r"""(?:model|engine|deployment)\b[^.]{0,60}(?:not found|not exist|not supported|no longer)|unknown model
            no such model|invalid (?:\w+ )?(?:request|parameter|argument|value|model|format|input)|bad request
            unsupported|not (?:supported|permitted|allowed)|参数[^。]{0,10}(?:错误|无效|非法|有误)|不支持|非法请求
            模型[^。]{0,20}(?:不存在|未找到|已下线)"""
        ),
    ),
)


def kind_of(problem: ChatProblem) -> ProblemKind:
    """By the rules, else by its status."""
    return next((rule.kind for rule in RULES if _fits(rule, problem)), _by_status(problem.status))


def _fits(rule: Rule, problem: ChatProblem) -> bool:
    if problem.codes & rule.codes:
        return True
    if problem.status is not None and problem.status not in rule.statuses:
        return False
    if rule.kind is ProblemKind.NO_CREDIT and problem.retry_after is not None:
        return False  # the quota of a minute
    return rule.words.search(problem.text) is not None


def _by_status(status: int | None) -> ProblemKind:
    match status:
        case None:
            return ProblemKind.UNKNOWN
        case 401 | 403:
            return ProblemKind.WRONG_KEY
        case 402:
            return ProblemKind.NO_CREDIT
        case 413:
            return ProblemKind.TOO_LONG
        case 408 | 425 | 429:
            return ProblemKind.LATER
        case _:
            return ProblemKind.LATER if status >= 500 else ProblemKind.FOR_GOOD
