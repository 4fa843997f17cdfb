# The published analysis of dose and response with R's own packages: lme4, pbkrtest, lmerTest, emmeans, pROC, nlme, survival.
#
#   Rscript tests/reference/make/response.R tests/reference/data/response
#
# Reads tumours.csv of that folder, a virtual cohort, and writes r.json beside it. The dose is divided by 100 for lme4,
# and its estimates are polished by Newton steps on its own deviance.

suppressPackageStartupMessages({
  library(lme4); library(pbkrtest); library(lmerTest); library(emmeans); library(pROC); library(nlme); library(survival)
  library(jsonlite); library(numDeriv)
})
folder <- commandArgs(trailingOnly = TRUE)[1]
d <- read.csv(file.path(folder, "tumours.csv"), stringsAsFactors = FALSE)
all_sizes <- d
d <- d[d$baseline_ml >= 4, ]
d$response <- d$reduction_after_treatment_percent >= 66
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhobeg = 0.01, rhoend = 1e-10, maxfun = 1e6), calc.derivs = FALSE,
                     check.conv.singular = "ignore", boundary.tol = 0)

means <- function(x, y, group) {
  x$y <- y; x$group <- factor(group)
  fit <- lmer(y ~ group + (1 | patient), data = x, control = tight)
  marginal <- summary(emmeans(fit, ~group, lmer.df = "kenward-roger"))
  kr <- summary(pairs(emmeans(fit, ~group, lmer.df = "kenward-roger"), reverse = TRUE))
  sw <- summary(pairs(emmeans(fit, ~group, lmer.df = "satterthwaite"), reverse = TRUE))
  list(means = marginal$emmean, difference = kr$estimate, kr = list(df = kr$df, p = kr$p.value),
       satterthwaite = list(df = sw$df, p = sw$p.value), patient_sd = as.data.frame(VarCorr(fit))$sdcor[1])
}

polish <- function(fun, x) {
  for (k in 1:6) {
    step <- tryCatch(solve(hessian(fun, x), grad(fun, x)), error = function(e) NULL)
    if (is.null(step) || max(abs(step)) > 1) break
    x <- x - step
    if (max(abs(step)) < 1e-10) break
  }
  x
}

control <- function(nodes) {
  x <- d
  x$g1 <- ifelse(x$grade == "G1", x$dose_all_cycles_gy, 0) / 100
  x$g2 <- ifelse(x$grade == "G2", x$dose_all_cycles_gy, 0) / 100
  fun <- glmer(response ~ g1 + g2 + (1 | patient), data = x, family = binomial, nAGQ = nodes, devFunOnly = TRUE,
               control = glmerControl(tolPwrss = 1e-13))
  fit <- glmer(response ~ g1 + g2 + (1 | patient), data = x, family = binomial, nAGQ = nodes,
               control = glmerControl(tolPwrss = 1e-13, optimizer = "bobyqa", optCtrl = list(rhoend = 1e-8, maxfun = 1e6)))
  par <- polish(fun, c(getME(fit, "theta"), fixef(fit)))
  u <- sqrt(diag(solve(hessian(fun, par) / 2)))
  list(patient_sd = unname(par[1]), intercept = unname(par[2]), slopes = unname(par[3:4] / 100), u_slopes = unname(u[3:4] / 100))
}

grades <- c("G1", "G2")
of <- function(x, grade) x[x$grade == grade, ]
areas <- lapply(setNames(grades, grades), function(g) {
  curve <- suppressMessages(roc(of(d, g)$response, of(d, g)$dose_all_cycles_gy, direction = "<"))
  c(auc = as.numeric(auc(curve)), as.list(setNames(as.numeric(ci.auc(curve, method = "delong"))[c(1, 3)], c("low", "high"))),
    youden = as.numeric(coords(curve, "best", best.method = "youden", transpose = TRUE)["threshold"]))
})

two <- of(d, "G2")
two$loss <- two$reduction_after_treatment_percent / 100
growth <- nlme(loss ~ a * (1 - exp(-dose_all_cycles_gy / exp(logd))), data = two, fixed = a + logd ~ 1, random = a ~ 1 | patient,
               start = c(0.8, log(40)), control = nlmeControl(tolerance = 1e-9, pnlsTol = 1e-7, msTol = 1e-12, maxIter = 1000,
                                                              pnlsMaxIter = 200, minScale = 1e-12))

timed <- d[!is.na(d$time_to_growth_d), ]
timed$event <- timed$growth_seen == "yes"
hazard <- coxph(Surv(time_to_growth_d, event) ~ I(dose_all_cycles_gy / 10) + I(grade == "G2") + cluster(patient), data = timed,
                ties = "efron", control = coxph.control(eps = 1e-11, toler.chol = 1e-12, iter.max = 100))
curve <- survfit(Surv(time_to_growth_d, event) ~ 1, data = of(timed, "G2"), conf.type = "log-log")

result <- list(
  versions = as.list(c(R = as.character(getRversion()), sapply(c("lme4", "pbkrtest", "lmerTest", "emmeans", "pROC", "nlme", "survival"),
                                                         function(p) as.character(packageVersion(p))))),
  dose_means = lapply(setNames(grades, grades), function(g) means(of(d, g), of(d, g)$dose_all_cycles_gy,
                                                                     ifelse(of(d, g)$response, "responder", "non-responder"))),
  baseline = lapply(setNames(grades, grades), function(g) { x <- of(all_sizes, g)
    means(x, x$reduction_percent / 100, ifelse(x$baseline_ml >= 30, "large", "a small")) }),
  agq = control(25), laplace = control(1), areas = areas,
  growth_g2_alone = list(amplitude = unname(fixef(growth)[1]), scale_gy = unname(exp(fixef(growth)[2])),
                         patient_sd = as.numeric(VarCorr(growth)[1, 2])),
  cox = list(log_ratio = unname(coef(hazard)), u = unname(sqrt(diag(vcov(hazard)))), u_independent = unname(sqrt(diag(hazard$naive.var)))),
  log_rank_grade = survdiff(Surv(time_to_growth_d, event) ~ grade, data = timed)$chisq,
  median_g2_d = as.list(setNames(summary(curve)$table[c("median", "0.95LCL", "0.95UCL")], c("value", "low", "high"))),
  correlation = lapply(setNames(grades, grades), function(g) list(
    pearson = cor(of(d, g)$dose_all_cycles_gy, of(d, g)$reduction_after_treatment_percent),
    p = cor.test(of(d, g)$dose_all_cycles_gy, of(d, g)$reduction_after_treatment_percent)$p.value)))
write(toJSON(result, digits = NA, auto_unbox = TRUE, pretty = TRUE, na = "null"), file.path(folder, "r.json"))
