"""Countries and states of the US by the names that people write, as the codes that ad platforms match by.

Sources: ISO 3166-1 (alpha-2, alpha-3, English short names) with Kosovo's XK, which is in common use, names that are
usual beside the official ones, and the two-letter codes of the states (ANSI INCITS 38).
"""

from __future__ import annotations

import re
import unicodedata

from destinations.identifiers import Unusable

_COUNTRIES = """
ad/and/andorra ae/are/unitedarabemirates/uae af/afg/afghanistan ag/atg/antiguaandbarbuda ai/aia/anguilla
al/alb/albania am/arm/armenia ao/ago/angola aq/ata/antarctica ar/arg/argentina as/asm/americansamoa at/aut/austria
au/aus/australia aw/abw/aruba ax/ala/alandislands az/aze/azerbaijan ba/bih/bosniaandherzegovina bb/brb/barbados
bd/bgd/bangladesh be/bel/belgium bf/bfa/burkinafaso bg/bgr/bulgaria bh/bhr/bahrain bi/bdi/burundi bj/ben/benin
bl/blm/saintbarthelemy bm/bmu/bermuda bn/brn/bruneidarussalam/brunei bo/bol/bolivia bq/bes/bonaire br/bra/brazil
bs/bhs/bahamas bt/btn/bhutan bv/bvt/bouvetisland bw/bwa/botswana by/blr/belarus bz/blz/belize ca/can/canada
cc/cck/cocosislands cd/cod/democraticrepublicofthecongo/drcongo cf/caf/centralafricanrepublic
cg/cog/congo/republicofthecongo ch/che/switzerland ci/civ/cotedivoire/ivorycoast ck/cok/cookislands cl/chl/chile
cm/cmr/cameroon cn/chn/china co/col/colombia cr/cri/costarica cu/cub/cuba cv/cpv/caboverde/capeverde cw/cuw/curacao
cx/cxr/christmasisland cy/cyp/cyprus cz/cze/czechia/czechrepublic de/deu/germany dj/dji/djibouti dk/dnk/denmark
dm/dma/dominica do/dom/dominicanrepublic dz/dza/algeria ec/ecu/ecuador ee/est/estonia eg/egy/egypt
eh/esh/westernsahara er/eri/eritrea es/esp/spain et/eth/ethiopia fi/fin/finland fj/fji/fiji fk/flk/falklandislands
fm/fsm/micronesia fo/fro/faroeislands fr/fra/france ga/gab/gabon
gb/gbr/unitedkingdom/greatbritain/uk/england/scotland/wales/northernireland gd/grd/grenada ge/geo/georgia
gf/guf/frenchguiana gg/ggy/guernsey gh/gha/ghana gi/gib/gibraltar gl/grl/greenland gm/gmb/gambia gn/gin/guinea
gp/glp/guadeloupe gq/gnq/equatorialguinea gr/grc/greece gs/sgs/southgeorgiaandthesouthsandwichislands gt/gtm/guatemala
gu/gum/guam gw/gnb/guineabissau gy/guy/guyana hk/hkg/hongkong hm/hmd/heardislandandmcdonaldislands hn/hnd/honduras
hr/hrv/croatia ht/hti/haiti hu/hun/hungary id/idn/indonesia ie/irl/ireland il/isr/israel im/imn/isleofman in/ind/india
io/iot/britishindianoceanterritory iq/irq/iraq ir/irn/iran is/isl/iceland it/ita/italy je/jey/jersey jm/jam/jamaica
jo/jor/jordan jp/jpn/japan ke/ken/kenya kg/kgz/kyrgyzstan kh/khm/cambodia ki/kir/kiribati km/com/comoros
kn/kna/saintkittsandnevis kp/prk/northkorea kr/kor/southkorea/korea kw/kwt/kuwait ky/cym/caymanislands
kz/kaz/kazakhstan la/lao/laos/laopeoplesdemocraticrepublic lb/lbn/lebanon lc/lca/saintlucia li/lie/liechtenstein
lk/lka/srilanka lr/lbr/liberia ls/lso/lesotho lt/ltu/lithuania lu/lux/luxembourg lv/lva/latvia ly/lby/libya
ma/mar/morocco mc/mco/monaco md/mda/moldova me/mne/montenegro mf/maf/saintmartin mg/mdg/madagascar
mh/mhl/marshallislands mk/mkd/northmacedonia/macedonia ml/mli/mali mm/mmr/myanmar/burma mn/mng/mongolia
mo/mac/macao/macau mp/mnp/northernmarianaislands mq/mtq/martinique mr/mrt/mauritania ms/msr/montserrat mt/mlt/malta
mu/mus/mauritius mv/mdv/maldives mw/mwi/malawi mx/mex/mexico my/mys/malaysia mz/moz/mozambique na/nam/namibia
nc/ncl/newcaledonia ne/ner/niger nf/nfk/norfolkisland ng/nga/nigeria ni/nic/nicaragua nl/nld/netherlands/holland
no/nor/norway np/npl/nepal nr/nru/nauru nu/niu/niue nz/nzl/newzealand om/omn/oman pa/pan/panama pe/per/peru
pf/pyf/frenchpolynesia pg/png/papuanewguinea ph/phl/philippines pk/pak/pakistan pl/pol/poland
pm/spm/saintpierreandmiquelon pn/pcn/pitcairn pr/pri/puertorico ps/pse/palestine pt/prt/portugal pw/plw/palau
py/pry/paraguay qa/qat/qatar re/reu/reunion ro/rou/romania rs/srb/serbia ru/rus/russianfederation/russia rw/rwa/rwanda
sa/sau/saudiarabia sb/slb/solomonislands sc/syc/seychelles sd/sdn/sudan se/swe/sweden sg/sgp/singapore
sh/shn/sainthelena si/svn/slovenia sj/sjm/svalbardandjanmayen sk/svk/slovakia sl/sle/sierraleone sm/smr/sanmarino
sn/sen/senegal so/som/somalia sr/sur/suriname ss/ssd/southsudan st/stp/saotomeandprincipe sv/slv/elsalvador
sx/sxm/sintmaarten sy/syr/syria/syrianarabrepublic sz/swz/eswatini/swaziland tc/tca/turksandcaicosislands td/tcd/chad
tf/atf/frenchsouthernterritories tg/tgo/togo th/tha/thailand tj/tjk/tajikistan tk/tkl/tokelau
tl/tls/timorleste/easttimor tm/tkm/turkmenistan tn/tun/tunisia to/ton/tonga tr/tur/turkiye/turkey
tt/tto/trinidadandtobago tv/tuv/tuvalu tw/twn/taiwan tz/tza/tanzania ua/ukr/ukraine ug/uga/uganda
um/umi/unitedstatesminoroutlyingislands us/usa/unitedstates/unitedstatesofamerica/america uy/ury/uruguay
uz/uzb/uzbekistan va/vat/vatican/vaticancity vc/vct/saintvincentandthegrenadines ve/ven/venezuela
vg/vgb/britishvirginislands vi/vir/usvirginislands vn/vnm/vietnam vu/vut/vanuatu wf/wlf/wallisandfutuna ws/wsm/samoa
xk/xkx/kosovo ye/yem/yemen yt/myt/mayotte za/zaf/southafrica zm/zmb/zambia zw/zwe/zimbabwe
"""
_STATES = """
al/alabama ak/alaska az/arizona ar/arkansas ca/california co/colorado ct/connecticut de/delaware fl/florida ga/georgia
hi/hawaii id/idaho il/illinois in/indiana ia/iowa ks/kansas ky/kentucky la/louisiana me/maine md/maryland
ma/massachusetts mi/michigan mn/minnesota ms/mississippi mo/missouri mt/montana ne/nebraska nv/nevada nh/newhampshire
nj/newjersey nm/newmexico ny/newyork nc/northcarolina nd/northdakota oh/ohio ok/oklahoma or/oregon pa/pennsylvania
ri/rhodeisland sc/southcarolina sd/southdakota tn/tennessee tx/texas ut/utah vt/vermont va/virginia wa/washington
wv/westvirginia wi/wisconsin wy/wyoming dc/districtofcolumbia/washingtondc pr/puertorico gu/guam
"""


def _by_name(table: str) -> dict[str, str]:
    """Every spelling of a table → its code, the first of them."""
    return {spelling: row.split("/")[0] for row in table.split() for spelling in row.split("/")}


_COUNTRY, _STATE = _by_name(_COUNTRIES), _by_name(_STATES)


def country(written: str) -> str:
    """The two-letter code of a country, in lower case. Raises Unusable where it is none."""
    name = _letters(written)
    if found := _COUNTRY.get(name) or _COUNTRY.get(name.removeprefix("the")):
        return found
    raise Unusable("not a country")


def state(written: str) -> str | None:
    """The two-letter code of a state of the US, in lower case; None of all else."""
    return _STATE.get(_letters(written))


def _letters(written: str) -> str:
    return re.sub(r"[\W\d_]", "", "".join(
        letter for letter in unicodedata.normalize("NFKD", written.lower()) if not unicodedata.combining(letter)))
