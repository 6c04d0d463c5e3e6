"""Start tables of the mesh coder, made by `benchmarks/mesh_coder.py train`; see priors.py."""

TABLES = (
    (
        b'c-rk)Ym?iy6%{~I5B{I#L#OfB@$8P*&O;e*zGd1Sw{@Ggk-U~ft{{R0ACO3itIc+j{N7#wBn3+JdgDm0?a|dr#9V^FJ@;{Nxxey&'
        b'1<Z%95*n$i8z)p=C($&F(=feeu6s55aX7dfFg6dVdrjarVgBV<J}{*Vn9Y2`ri*n33J%|F#R%u}K4(E3kxUGDu~(W3eVUG^jK$2I'
        b'v2e^{&OjT48T_uq1TvT;lhBJ<8ZDFSIAtr=ECXRpU9Q+LDRt#_nmDk{m`%XgQtJgY^rBg5m(qqT2~vMav(0*O<fp+Z$o)lyfh8$R'
        b'SRUTen`KsN<2d4MMN>cIY4tFy<E{Kfv}PF>AhTu|WU#Aq0msg~#EHj2T}LU6yohjJ7lVmx>94%`Mi)eJ8s#jfHya#bmMoJ0vY%<@'
        b'#H_H|XK@y<!k;LM(juY)M-(pTH5E9nCvT3&ry_&<O(P#TjH?FSWm8`5dEb4nH%)etQ0B04xV`T<o&?*vNrQb3YpS?Iqw}Ve%@|wi'
        b'I-k+R3rP*hih1EIBJ)~Jr?Z&My<FGv17zTRR*XHt2|>c@{*M@^e4=Mp8YF(|-|Bq2ihb_ic-J)5_oPd29j)ptc6bSB%%V61#%J2j'
        b'!6L|B^9ipxdJ(K??OcHKF!l4<&pH?K*w0wvE}4#vtK;vWToETM$wKbuA_mprBgcfhy3L&Z65bLmMp+i$1ULRI+ps-jdBn(yq{{jt'
        b'lo@9`;n{P%;Ov1<#3_>v1mD_3+s$9cKSgVzsW_P>;nKO*Gnf!{7}g{`e3AvCFfzz<kyqSla9d$x?s1>f%+0|2DU)pwPXlO(Myp!-'
        b'0b_7pL?hesJJ-K&z{VTm#cTTW;Z@lNRx<kAxsboYX*l}VU^Jd_VYcIv88jV|&-|dI0Pr$>7srmo4wnu@iVlXahOR>#My{@$*UCjc'
        b'tva;Ci8dAW!O3VdeEE-;FV4^ZK4k32m*?j%{xbq3E&-VTekIyw;++3;NX8;hUE&bclDbXwyF(ch2(Ty7kA4`A9Y@T#8Vp7w=@Mu7'
        b'>h(}PIA)iwRsvF-hII)ccN_tes~L%?FGdjanJ-4;@f2e3%Hxu_F8SR@Bdi}XPi7Mhph=Y@;+2N)Db^XIYOrp?PWV3dA%~*HqueFS'
        b'b)IMGVv(}tD$kM|*_>2zo5$i@9upV=^Ir>w%=3J;6m-k-)q1ITaJfj+g-R88feU2>7ye?d%4h-aKg;6uh*ev*EUBIaL9iJG!CmJ<'
        b'c;8goDx~S8u5hPQsUXwYxVVNMXl7H7qyS_#^E{t$;sH|!P`A{hz8?nEr_>KX10!Xr`jx~QhG7(mUlv7T7)3FUVktb16ZqpiP7?S9'
        b'67paoXx@w<3dLL&M)E1`1}qJFxDmxsr4ItNAq9O5`)>4NVwBK;NqaV{$j1}$7+99_IbST6X?kzcDcl(*Nj_)UT;NNRbWUe9fE5$s'
        b'i|yj70Z&tioR@gySZ+r-%2AGTls(H2M;CllV%v60eU#XCc~v935M)(DTWXPo;5I^5+mH{KpzF0QqbqJ=aSOg(17;w3A6Y#MBP{f&'
        b'*bAu@kTAh+wR<hwXxT`ZVs|mzGsFbA+p%lXY8JayExb|LoocgEXWE7h8)2zYTDx6<)aEwrSE+g!ZFH6)R7MBmaueIcNa_r<nFp4D'
        b's*9}_M#2ZU83wYOpxK=roe7_<xwf_Ip*wMOTWDL??rv~&47;mv;L2H`!FJEK+5!jQY#FUjTkQKyLmwdwt0AxUjbq>ILDo0bhv1HF'
        b'Y&-SQRCLXShz^cU-~jV#n|E5av0cALYqzEqyVP~)02z3n6@hbFzzCMk1Hg2Wv$0VlHbtFU#u;6u!`em&w|gB6Ys~qc>O<iGO4DJ3'
        b'7Mq4{Ux~xeB8SWZhwcMxVL*X(9P&InNTf82vBF`PEe#3A;v7c0F{a>l6DDeTg+<&<d&Bl3NU)4LiO~jI1BN|=YOAV7Sa}d_W%*_|'
        b')NMnM+B!Cb48!bUQ@2v$-!Ap{kYqN}@(SSww-qYG0;{oTkx-c=&|M*HKo_CU$3-3qCEoHo(!c2LqHcPwC|<o6s<K6I{viEP)g*N~'
        b'W&hA_7wr_r=pB+m?qP{|%YF<=U%<dDI*-bzZV%)47Qo*w=5D7|jtm(&=`}+JQ-CsL7L-M$mDyd@h1C<~9<tVD`==742TZFTG+J%6'
        b'?JV4|E^728(tvafqukCE7!A?R7P*6V9)E|(i14c#70F~tKbl>$<k0=Z+QKD#%Rsx>(O&2oeKdXHr`4-h^`@AqZKB#;!JQ)NvPvuw'
        b'ba|4?ke8&V_|K}=Q%gW&R=i5Wo2rQmYF8<$dTXO)x9n}X)71N6GPW|v?xC%P%#sF-;woOtWC=lD%NDC^DAKWercu24wd>d4FK>;>'
        b'*1SXM-|qS?A}wFqfpDPJdn-QWHUl3E`zS{_%2AH;fBK)}Q9cm4`2737JbHfe@bqc_(b?n2U!6R^`0Ppl+q2KU{^q;WKYaP8rw<=K'
        b'`(yv>2PcodeSGr#r2q8v?8|SyI6dp1ojiE*)fW%`eEM7D;z@(_`!Ak7dv?+9UtC=L4_R>M)&'
    ),
    (
        b""
    ),
)
