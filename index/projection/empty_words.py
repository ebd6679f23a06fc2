"""Words that any paper may say, so that they tell no place from another."""

from __future__ import annotations

import re

_ENGLISH = re.compile(
    r"13b|4o|70b|7b|8b|ability|able|academic|accuracy|achieve|adaptive|ai|algorithm|"
    r"algorithms|all|analysis|application|applications|approach|approaches|art|arxiv|"
    r"augmented|automated|automatic|based|baseline|bench|best|better|beyond|building|can|"
    r"case|challenge|challenges|code|codebase|com|comparison|complex|comprehensive|cost|"
    r"cross|data|dataset|datasets|deep|design|distribution|domain|dynamic|effective|"
    r"efficiency|efficient|empirical|enabling|end|enhanced|enhancing|evaluating|evaluation|"
    r"experiment|experiments|exploring|fast|faster|feature|features|few|field|fine|first|"
    r"foundation|framework|frameworks|free|from|fully|general|generalization|generalized|"
    r"generating|generation|generative|github|good|guided|high|http|https|human|ii|improve|"
    r"improved|improving|inference|input|instruct|introduction|investigating|io|is|it|key|"
    r"knowledge|language|languages|large|learn|learned|learning|level|leveraging|llm|llms|lm|"
    r"long|low|make|making|method|methods|ml|model|modeling|modelling|models|more|multi|"
    r"multiple|need|network|networks|neural|new|novel|one|open|optimal|org|output|paper|"
    r"papers|parameter|parameters|performance|physical|pipeline|post|practical|practices|pre|"
    r"present|pretrained|problem|process|project|quality|real|recent|report|representation|"
    r"representations|research|results|rethinking|review|robust|scalable|scale|scaling|self|"
    r"sequence|set|shot|show|simple|single|size|small|some|sota|source|space|stable|state|"
    r"step|study|super|survey|system|systems|task|tasks|technical|technique|techniques|"
    r"technology|test|time|token|tokens|tool|toward|towards|train|trained|training|"
    r"transformer|transformers|tuning|two|understanding|unified|universal|unlock|unlocking|"
    r"use|user|users|using|via|way|web|with|work|world|www|yet|you|zero"
)
_KOREAN = re.compile(
    r"가능|강력|개념|개발|개선|결과|결합|경우|계산|고려|고품질|공간|공개|과정|과제|관련|관점|"
    r"구성|구조|구축|구현|기능|기반|기법|기본|기술|기존|내용|네트워크|논문|높이|능력|다양|"
    r"단계|단순|달성|대규모|대상|대하|데이터|데이터세트|데이터셋|도메인|도입|동시|동작|또한|"
    r"만들|매개변수|매우|모델|모델링|모듈|목적|목표|문제|발견|발전|방법|방법론|방식|범위|"
    r"벤치마크|변화|보이|복잡|분석|분야|비교|사용|사용자|상태|상황|새롭|생성|선택|설계|설명|"
    r"성능|소개|수준|수집|수행|시간|시스템|신경망|실험|아이디어|알고리즘|언어|얻|업데이트|"
    r"여러|연구|영역|예측|오픈소스|요소|우리|우수|유사|유지|의미|이러|이용|이해|인간|"
    r"인공지능|일관|일반|입력|자동|작동|작업|작은|장점|저자|적용|전략|전체|접근|접근법|정보|"
    r"정확|정확도|제공|제시|제안|조건|주요|중요|증가|지식|지원|진행|차이|참여|처리|최근|최대|"
    r"최적|최적화|추가|추론|출력|측정|토큰|특성|특정|특징|파라미터|패턴|평가|표현|품질|"
    r"프레임워크|프로세스|필요|학습|한계|함수|해결|핵심|향상|현재|현존|형식|형태|확인|확장|"
    r"환경|활용|효과|효율|효율성|훈련"
)
# Words that a phrase neither begins nor ends with: where it does, it is a part of another.
_WITHIN = re.compile(
    r"via|using|based|toward|towards|with|new|novel|driven|benchmarking|extending|enabling|"
    r"improving|enhancing|exploring|evaluating|scaling|unlocking|rethinking|llm|llms|can|"
    r"high|quality|efficient|better|free|aware|guided|augmented|generated|convolutional|대한|"
    r"위한|위해|통해|새로운|및|향후|뛰어나|하나|이상|모든|가지|관련|또는|다양한"
)
_PARTIAL = frozenset({"natural language", "language processing", "preference data"})
_WORDS = re.compile(r"[A-Za-z0-9]+|[가-힣]+")


def says_nothing(phrase: str) -> bool:
    """Whether a phrase is made of such words alone, or is only a part of another."""
    words = _WORDS.findall(phrase.lower())
    if " ".join(words) in _PARTIAL:
        return True
    if len(words) > 1 and (
        _WITHIN.fullmatch(words[0]) or _WITHIN.fullmatch(words[-1]) or "large" in words
    ):
        return True
    return all(
        _ENGLISH.fullmatch(word) or _KOREAN.fullmatch(word) or word.isdigit() for word in words
    )
